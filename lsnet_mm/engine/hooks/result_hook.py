import time
from pathlib import Path

from mmengine.dataset import pseudo_collate
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop
from rich.console import Console
from torch import nn

from ...evaluation import TwoStageSegMetric, results
from ...evaluation.complexity import count_gflops, count_params
from ...evaluation.computation import config_sha256
from ...evaluation.functional import PROTOCOLS, select_slices, slice_title
from ...registry import HOOKS
from ...utils.files import write_atomic
from ...utils.machine import environment
from ...version import __version__
from ...visualization import SliceView, draw_panel, input_image


@HOOKS.register_module()
class ResultHook(Hook):
    """Leaves the run folder behind after a test; see :mod:`lsnet_mm.evaluation.results`.

    The minutes of training travel in the checkpoint, added up over resumes, so that a test that
    starts from a file knows them too; they include validation.

    The scores are those of a ``TwoStageSegMetric``, its prefix left out; of several, those of the
    one without a prefix, or of the first, and the others keep theirs. A test without any leaves
    nothing.

    Args:
        out_dir: The run folder, ``runner.work_dir`` by default. It may name ``{data}``,
            ``{config}`` and ``{seed}``: ``results/{data}/{config}/seed{seed}``.
        name: Of what was run, in ``result.json``; that of the config file by default.
        panel: Slices in ``panel.png``; 0 draws none.
    """

    priority = 'LOW'
    prints_scores = True  # see QuietRunner

    def __init__(
        self, out_dir: str | None = None, name: str | None = None, panel: int = 12
    ) -> None:
        self.out_dir = out_dir
        self.name = name
        self.panel = panel
        self._minutes = 0.0
        self._start: float | None = None
        self._meta: dict = {}

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        meta = checkpoint.get('meta', {})
        self._meta = {key: meta[key] for key in ('epoch', 'iter', 'seed') if key in meta}
        self._minutes = meta.get('train_minutes', 0.0)

    def before_train(self, runner) -> None:
        if runner.iter == 0:  # fine-tuning starts its own clock, only a resume goes on
            self._minutes = 0.0
        self._start = time.monotonic()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['meta']['train_minutes'] = self._minutes + self._elapsed()
        checkpoint['meta']['lsnet_mm_version'] = __version__

    def after_train(self, runner) -> None:
        self._minutes += self._elapsed()
        self._start = None
        self._meta = {'epoch': runner.epoch, 'iter': runner.iter, 'seed': runner.seed}

    def before_test(self, runner) -> None:
        if _find_metric(runner.test_loop) is None:
            runner.logger.info(
                'ResultHook: no result.json will be written, because test_evaluator has no '
                'TwoStageSegMetric.'
            )

    @master_only
    def after_val_epoch(self, runner, metrics: dict[str, float] | None = None) -> None:
        """Print the table of a validation."""
        if (metric := _find_metric(runner.val_loop)) is None:
            return
        dataset = runner.val_dataloader.dataset
        data = {key: getattr(dataset, key, None) for key in ('name', 'split')}
        title = f'epoch {runner.epoch}, iteration {runner.iter}'
        result = dict(config=title, data=data, metrics=_own_names(metric, metrics or {}))
        Console().print(results.metric_table(result))

    @master_only
    def after_test_epoch(self, runner, metrics: dict[str, float] | None = None) -> None:
        """Write the numbers first, then the picture: a failure to draw costs no test."""
        if (metric := _find_metric(runner.test_loop)) is None:
            return
        result = self._describe(runner, metric, metrics or {})
        folder = self._folder(runner, result)
        results.write_slices(folder, metric.rows)
        results.write_curve(folder, results.read_curve(runner.work_dir))
        results.write_result(folder, result)
        chosen = select_slices(metric.rows, self.panel) if self.panel else []
        if chosen:
            write_atomic(folder / 'panel.png', _draw_panel(runner, metric, chosen))
        console = Console()
        console.print(results.metric_table(result))
        console.print(f'Results: {folder}', soft_wrap=True, highlight=False)

    def _describe(self, runner, metric: TwoStageSegMetric, metrics: dict) -> dict:
        dataset, file = runner.test_dataloader.dataset, runner.cfg.filename
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        sha256, localizer = getattr(dataset, 'sha256', None), getattr(model, 'localizer', None)
        return {
            'config': self.name or (file and Path(file).stem),
            'config_sha256': config_sha256(runner.cfg.to_dict()),
            'seed': self._meta.get('seed', runner.seed),
            'data': {
                'name': getattr(dataset, 'name', None),
                'split': getattr(dataset, 'split', None),
                'fold': getattr(dataset, 'fold', None),
                'sha256': sha256() if sha256 else None,
            },
            'protocol': PROTOCOLS,
            'metrics': _own_names(metric, metrics),
            **_cost(runner, model, model),
            'localizer': _cost(runner, model, localizer) if localizer is not None else None,
            'train': {
                'epochs': self._meta.get('epoch'),
                'iters': self._meta.get('iter'),
                'minutes': round(self._minutes, 2),
            },
            'env': environment(next(model.parameters()).device),
        }

    def _folder(self, runner, result: dict) -> Path:
        if self.out_dir is None:
            return Path(runner.work_dir)
        names = {'data': result['data']['name'], 'config': result['config']}
        return Path(self.out_dir.format(seed=result['seed'], **names))

    def _elapsed(self) -> float:
        return 0.0 if self._start is None else (time.monotonic() - self._start) / 60


def _find_metric(loop: BaseLoop) -> TwoStageSegMetric | None:
    found = [one for one in loop.evaluator.metrics if isinstance(one, TwoStageSegMetric)]
    return min(found, key=lambda metric: bool(metric.prefix), default=None)


def _own_names(metric: TwoStageSegMetric, metrics: dict) -> dict[str, float]:
    return {key.removeprefix(f'{metric.prefix}/'): float(value) for key, value in metrics.items()}


def _cost(runner, model: nn.Module, part: nn.Module) -> dict:
    """Parameters and operations of a part of a model, or of all of it."""
    first = pseudo_collate([runner.test_dataloader.dataset[0]])
    inputs = model.data_preprocessor(first, False)['inputs']
    try:
        gflops = round(count_gflops(model, inputs, part), 4)
    except (NotImplementedError, TypeError) as error:
        # A model without a tensor mode still has scores worth keeping.
        runner.logger.warning(f'gflops not counted: {error}')
        gflops = None
    return {'params': count_params(part), 'gflops': gflops}


def _draw_panel(runner, metric: TwoStageSegMetric, chosen: list[tuple[str, str, int]]) -> bytes:
    """Predict the chosen slices again, one at a time: nothing else was kept of them."""
    dataset, views = runner.test_dataloader.dataset, []
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    index = {_slice_of(info, metric): i for i, info in enumerate(infos)}
    for _, *key in chosen:
        batch = pseudo_collate([dataset[index[tuple(key)]]])
        image, sample = batch['inputs'][0], runner.model.test_step(batch)[0]
        classes = (dataset.metainfo.get('classes') or ())[1:]
        views.append(SliceView(input_image(image, sample.ori_shape[:2]), sample, classes=classes))
    titles = [slice_title(metric.rows, case, number) for _, case, number in chosen]
    return draw_panel(views, titles, [group for group, *_ in chosen])


def _slice_of(info: dict, metric: TwoStageSegMetric) -> tuple[str | None, int]:
    """Case and slice of a dataset's record, as the metric's rows name them."""
    if info.get('case') is None:
        return metric.cases.get(info['img_path']), 0
    return str(info['case']), int(info['slice_index'])
