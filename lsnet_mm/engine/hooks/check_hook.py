"""What a run is asked before it starts: do its model and its data fit, and are its data apart?"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import BaseSegmentor
from torch import Tensor, nn

from ...registry import HOOKS

#: What makes two datasets of one kind different ones.
_SETTINGS = ('data_root', 'data_prefix', 'ann_file', 'split', 'folds', 'fold')


@HOOKS.register_module()
class CheckHook(Hook):
    """Refuses a run that would end well and mean nothing.

    - A head that gives masks has the classes of every dataset.
    - The checkpoint of a test, or of a training that goes on, has every weight of the model.
    - No case is in training and in validation, unless both name the same part of the data, as to
      see whether a model can learn it by heart.

    In a config, MMSegmentation's own scripts make use of it; the alternating loops and our tools
    ask in any case.

    Raises:
        ValueError: With both settings that do not go together.
    """

    priority = 'VERY_HIGH'

    def before_run(self, runner) -> None:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        loops = {name: getattr(runner, f'_{name}_loop', None) for name in ('train', 'val', 'test')}
        datasets = {
            f'{name}_dataloader.dataset': loop.dataloader.dataset
            for name, loop in loops.items()
            if isinstance(loop, BaseLoop) and hasattr(loop, 'dataloader')
        }
        for path, dataset in datasets.items():
            check_classes(model, dataset, path)
        train, val = (datasets.get(f'{name}_dataloader.dataset') for name in ('train', 'val'))
        if train is not None and val is not None:
            check_cases(train, val)

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Before mmengine loads what fits and warns of the rest."""
        if isinstance(runner._train_loop, BaseLoop) and not runner._resume:
            return  # fine-tuning starts from what fits
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        check_weights(model, checkpoint.get('state_dict', checkpoint), runner._load_from)


def check_weights(model: nn.Module, weights: Mapping[str, Tensor], name: object) -> None:
    """Goes on only if a checkpoint has every weight of a model; it may have others.

    Raises:
        ValueError: With the first one that is missing, or has another shape.
    """
    shapes = {key.removeprefix('module.'): value.shape for key, value in weights.items()}
    own = {k: v.shape for k, v in model.state_dict().items() if 'num_batches_tracked' not in k}
    wrong = [key for key, shape in own.items() if shapes.get(key) != shape]
    if wrong:
        first = f'has another shape of {wrong[0]}' if wrong[0] in shapes else f'lacks {wrong[0]}'
        raise ValueError(
            f'{name} is no checkpoint of this config: it {first}, and {len(wrong) - 1} of '
            f'{len(own)} more are amiss. Give the config that it was trained with.'
        )


def check_classes(model: nn.Module, dataset: object, path: str) -> None:
    """Goes on only if a model's heads have as many classes as a dataset, where it names them.

    Raises:
        ValueError: With the paths and the numbers of both.
    """
    classes = (getattr(dataset, 'metainfo', None) or {}).get('classes') or ()
    count = len(classes)
    for name, head in _heads(model) if count else ():
        has, channels = head.num_classes, getattr(head, 'out_channels', head.num_classes)
        binary = channels == 1 and count <= 2  # foreground alone, whichever way it is written
        if binary or (has == count and channels != 1):
            continue
        names = ', '.join(map(str, classes[:5])) + (', ...' if count > 5 else '')
        wrong = f'num_classes={has}' if has != count else f'out_channels={channels}'
        raise ValueError(
            f'{name} has {wrong}, but {path} has {count} classes ({names}). Set num_classes='
            f'{count} and out_channels={count} there{_or_one(count)}, or give the data other '
            'classes (metainfo).'
        )


def _or_one(count: int) -> str:
    return ' (1 for foreground alone)' if count == 2 else ''


def _heads(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Heads that learn the classes of a mask, with their paths.

    Auxiliary heads may learn something else, as edges; those that have MMSegmentation's plain loss
    learn the classes.
    """
    for name, net in model.named_modules(prefix='model'):
        # Depth has no classes.
        if not isinstance(net, BaseSegmentor) or type(net).__name__ == 'DepthEstimator':
            continue
        for role in ('decode_head', 'auxiliary_head'):
            heads = net._modules.get(role)
            several = isinstance(heads, nn.ModuleList)
            for k, head in enumerate(heads if several else [heads]):
                plain = getattr(type(head), 'loss_by_feat', None) is BaseDecodeHead.loss_by_feat
                if hasattr(head, 'num_classes') and (role == 'decode_head' or plain):
                    yield f'{name}.{role}.{k}' if several else f'{name}.{role}', head


def check_cases(train: object, val: object) -> None:
    """Goes on only if no case is in two datasets, or both are openly of the same part.

    Raises:
        ValueError: With the settings of both.
    """
    trained = list(leaves(train, 'train_dataloader.dataset'))
    for path, one in trained:
        cases = _cases(one)
        for other_path, other in leaves(val, 'val_dataloader.dataset') if cases else ():
            own, others = _settings(one), _settings(other)
            shared = cases & _cases(other)
            if not shared or (own == others and len(trained) == 1):
                continue
            keys = [key for key in _SETTINGS if own.get(key) != others.get(key)] or [*own]
            names = {
                True: ' If names of files say nothing of patients, set by_case=False in each.',
                False: ' With by_case=False each file is a case: no two may have one name.',
            }.get(getattr(one, 'by_case', None), '')
            said = [
                f'{place} has ' + ', '.join(f'{key}={of.get(key)!r:.60}' for key in keys)
                for place, of in ((path, own), (other_path, others))
            ]
            raise ValueError(
                f'{" and ".join(said)}: {len(shared)} of {len(cases)} cases of the training are '
                'validated on, too, and their scores would mean nothing. Give both the same fold '
                f'(and the test, too), and lists of cases that have none in common.{names}'
            )


def leaves(dataset: object, path: str) -> Iterator[tuple[str, object]]:
    """The datasets in one that wraps others, with their paths."""
    if inner := getattr(dataset, 'datasets', None):
        for k, one in enumerate(inner):
            yield from leaves(one, f'{path}.datasets.{k}')
    elif (inner := getattr(dataset, 'dataset', None)) is not None:
        yield from leaves(inner, f'{path}.dataset')
    else:
        yield path, dataset


def _cases(dataset: object) -> set[tuple[str, str]]:
    """Folder of the data and case, of each record; none where a dataset knows no cases."""
    if not hasattr(dataset, 'get_data_info'):
        return set()
    root, found = str(Path(getattr(dataset, 'data_root', None) or '.').resolve()), set()
    for k in range(len(dataset)):
        if (case := dataset.get_data_info(k).get('case')) is None:
            return set()
        found.add((root, str(case)))
    return found


def _settings(dataset: object) -> dict:
    return {key: getattr(dataset, key) for key in _SETTINGS if hasattr(dataset, key)}
