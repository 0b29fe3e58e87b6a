"""What an error says of the config that it came from: the part, the number, the package, the fix.

mmengine builds a config's parts in frames of its own, and torch runs modules in frames that know
them. Both are in an error's traceback, so nothing has to be watched while all goes well.
"""

import difflib
import inspect
import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from mmengine.logging import MMLogger
from mmengine.model import BaseDataPreprocessor
from mmengine.registry.build_functions import build_from_cfg
from mmengine.runner import Runner
from torch import Tensor, nn

from .checkpoint import UnsafeCheckpointError
from .config import walk
from .packages import install_line, unknown_name

#: The layers that know how many channels they take: under which attribute, and along which axis.
LAYERS = (
    (nn.modules.conv._ConvNd, 'in_channels', 1),
    (nn.modules.batchnorm._BatchNorm, 'num_features', 1),
    (nn.GroupNorm, 'num_channels', 1),
    (nn.Linear, 'in_features', -1),
    (nn.LayerNorm, 'normalized_shape', -1),
)


#: What to do about errors that are known by how they begin.
KNOWN = {
    '<urlopen error': 'weights cannot be downloaded here: train with --from-scratch, or name a '
    'local file in init_cfg.checkpoint',
    'Expected more than 1 value per channel': 'the last batch has one image, of which BatchNorm '
    'has no deviation: set train_dataloader.drop_last=True, or another batch_size',
}


@contextmanager
def mistakes_said() -> Iterator[None]:
    """Within it, an error that a setting or a file brought about ends the process with a sentence;
    the log file has the traceback. Any other error goes on as it is."""
    try:
        yield
    except Exception as error:
        if (said := explain(error)) is None:
            raise
        # Of a file that is not there, or a full disk, there is no more to tell.
        if not isinstance(error, OSError):
            last = traceback.extract_tb(error.__traceback__)[-1]
            logs = [f'\n(The traceback is in {file}.)' for file in _log_traceback(error)]
            said += ''.join(logs) or f'\n(It came up in {last.filename}, line {last.lineno}.)'
        sys.exit(said)


def explain(error: Exception) -> str | None:
    """The sentence for an error that a setting or a file brought about; None for any other."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    if said := explain_channels(error):
        return said
    for start, fix in KNOWN.items():
        if str(error).startswith(start):
            return f'{error}: {fix}.'
    if builds := [frame for frame in frames if frame.f_code is build_from_cfg.__code__]:
        return _explain_build(error, builds[-1].f_locals, frames)
    expected = ValueError | OSError | ImportError | UnsafeCheckpointError
    ours = frames[-1].f_globals.get('__name__', '').startswith('lsnet_mm.')
    return str(error) if ours and isinstance(error, expected) else None


def explain_channels(error: Exception) -> str | None:
    """The sentence for an error of a layer that got a map of other channels than it takes; None for
    any other."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    variables = [frame.f_locals for frame in frames]
    modules = [names['self'] for names in variables if isinstance(names.get('self'), nn.Module)]
    if not modules:
        return None
    layer, values = modules[-1], {}
    for names in variables:
        values |= names if names.get('self') is layer else {}
    takes, came = _channels(layer, values)
    if takes == came:
        return None
    runner = _runner(frames)
    root = getattr(runner, 'model', modules[0])
    root = getattr(root, 'module', root)  # of a distributed run
    name = next((name for name, module in root.named_modules() if module is layer), '')
    path, kind = '.'.join(filter(None, ('model', name))), type(layer).__name__
    if isinstance(layer, BaseDataPreprocessor):
        return (
            f'{path} ({kind}) has {takes} means, but images of {came} channels came. Give its mean '
            f'and std {came} values each, and set in_channels={came} in the backbones, or load '
            'images of another number of channels.'
        )
    part, settings = _part(getattr(runner, 'cfg', {}), path)
    said = [f'{key}={value!r}' for key, value in settings.items() if takes in _numbers(value)]
    said = ', '.join([text for text in said if text.startswith('in_')] or said)
    why = f': {part} has {said}' if said else ''
    return (
        f'{path} ({kind}) takes {takes} channels, but {came} came{why}. Set in_channels of {part} '
        'to what the part before it gives, or change that part.'
    )


def _channels(layer: nn.Module, values: Mapping) -> tuple[int | None, int | None]:
    """How many channels a layer takes, and how many came; None twice where that is not known.

    Args:
        values: The variables of its functions when they ended.
    """
    if isinstance(layer, BaseDataPreprocessor) and getattr(layer, '_enable_normalize', False):
        came = {len(image) for image in values.get('inputs', ())} - {1}  # grey: one for each mean
        return (layer.mean.numel(), min(came)) if came else (None, None)
    came = values.get('input', values.get('x'))
    for kind, name, axis in LAYERS if isinstance(came, Tensor) else ():
        if isinstance(layer, kind):
            if hasattr(layer, 'kernel_size') and came.dim() != len(layer.kernel_size) + 2:
                break  # another mistake, as an image without its batch
            takes = getattr(layer, name)
            return takes[-1] if isinstance(takes, tuple) else takes, came.size(axis)
    return None, None


def _part(config: Mapping, path: str) -> tuple[str, Mapping]:
    """The innermost dict of a config on the way to a module, and its path."""
    found, names, node = [], path.split('.'), config
    for name in names:
        keys = int(name) if isinstance(node, list) and name.isdigit() else name
        try:
            node = node[keys]
        except (KeyError, IndexError, TypeError):
            break
        found.append(name)
    return '.'.join(found or names), node if isinstance(node, Mapping) else {}


def _numbers(value: object) -> list:
    return list(value) if isinstance(value, list | tuple) else [value]


def _explain_build(error: Exception, building: Mapping, frames: list[FrameType]) -> str:
    """What went wrong with a part of a config that was being built, and where it stands.

    Args:
        building: The variables of mmengine's function that built it.
    """
    part = building['cfg']
    if not isinstance(part, Mapping) or 'type' not in part:
        return f'{part!r:.200} is no part of a config: it needs a type. {error}'
    path = _path(part, frames)
    where = path or str(part['type'])
    if building.get('obj_cls', building) is None:
        return f'{where}: {unknown_name(building["obj_type"], building["registry"])}'
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    kind = '' if isinstance(error, ValueError | OSError | ImportError) else type(error).__name__
    said = f'{where} ({_name(part["type"])}): {": ".join(filter(None, (kind, text)))}'
    if match := re.search(r"unexpected keyword argument '(\w+)'", text):
        near = difflib.get_close_matches(match[1], _arguments(building.get('obj_cls')), 1)
        return f'{said}.{f" Did you mean {near[0]!r}?" if near else ""}'
    keys = re.findall(r"'(\w+)'", text) if 'required' in text else []
    if isinstance(error, OSError | AssertionError):
        keys += [k for k, v in part.items() if isinstance(v, str) and _starts(v, text)]
    keys = [f'{where}.{key}' for key in keys if key != 'type']
    return f'{said}{"" if said.endswith(".") else "."} Set {", ".join(keys)}.' if keys else said


def _starts(value: str, text: str) -> bool:
    """Whether a path in a text begins with a value."""
    return bool(value) and bool(re.search(rf'(?<![^\s\'"(]){re.escape(value.rstrip("/"))}', text))


def _arguments(component: object) -> list[str]:
    """The names that a class takes, itself or by its parents."""
    kinds = [k for k in getattr(component, '__mro__', ()) if '__init__' in vars(k)]
    return [name for kind in kinds for name in inspect.signature(kind.__init__).parameters]


def _path(part: Mapping, frames: list[FrameType]) -> str:
    """Where a part stands in the config of the runner that built it; '' if that is not known."""
    config = getattr(_runner(frames), 'cfg', None)
    if config is None:
        return ''
    # Validation and test often have the same dataset: which one is built, the function says.
    names = [re.fullmatch(r'build_(\w+)_loop', frame.f_code.co_name) for frame in frames]
    loop = next((match[1] for match in names if match), '')
    found = [path for path, value in walk(config.to_dict()) if value == part]
    return min(found, key=lambda path: not path.startswith(f'{loop}_'), default='')


def _runner(frames: list[FrameType]) -> Runner | None:
    owners = [frame.f_locals.get('self') for frame in frames]
    owners = [getattr(owner, 'runner', owner) for owner in owners]  # a loop's
    return next((owner for owner in owners if isinstance(owner, Runner)), None)


def _name(component: object) -> str:
    return getattr(component, '__name__', str(component))


def explain_file(error: Exception, path: str | Path) -> str:
    """What is wrong with a config file, or with one that it inherits, and where."""
    cause = error
    while cause is not None:
        if isinstance(cause, ModuleNotFoundError):
            name = cause.name or str(cause).split()[0]  # that of mmengine, of a base
            return f'{path} imports or inherits {name}: {install_line(name.split(".")[0])}'
        cause = cause.__cause__ or cause.__context__
    steps = list(traceback.walk_tb(error.__traceback__))
    files = [f.f_locals['filename'] for f, _ in steps if f.f_code.co_name == '_file2dict']
    lines = [line for frame, line in steps if frame.f_code.co_filename in files[-1:]]
    where = f'{files[-1] if files else path}{f", line {lines[-1]}" if lines else ""}'
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f'{where}: {type(error).__name__}: {text}'


def _log_traceback(error: Exception) -> list[str]:
    """Writes the traceback into the files that the current logger writes, and names them."""
    logger = MMLogger.get_current_instance()
    files = [h for h in logger.handlers if isinstance(h, logging.FileHandler)]
    info = (type(error), error, error.__traceback__)
    record = logger.makeRecord(logger.name, logging.ERROR, __file__, 0, str(error), (), info)
    for handler in files:
        handler.handle(record)
    return [handler.baseFilename for handler in files]
