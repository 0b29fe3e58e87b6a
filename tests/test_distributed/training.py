"""A few iterations of the alternating loops, over eight images or a rank's share of them."""

import copy
from pathlib import Path

import torch
from alternation import Slices
from gradients import SCENARIOS, A, B, C, D, build, two_nets
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner

import lsnet_mm.engine  # noqa: F401  registers

LOOPS = {'by epoch': ('epoch', 1), 'by iteration': ('iter', 2), 'accumulating': ('iter', 4)}
# As tools/train.py has it on a CPU.
WRAPPER = dict(broadcast_buffers=False, find_unused_parameters=True, device_ids=None)


def runner(model, work_dir, name, **options):
    """mmengine's, of a model as it was built; it logs and saves nothing by itself."""
    model.init_weights = lambda: None
    silent = dict(checkpoint=None, logger=None, runtime_info=None, timer=None)
    options['default_hooks'] = silent | options.pop('default_hooks', {})
    return Runner(
        model=model,
        work_dir=str(work_dir),
        default_scope='mmseg',
        experiment_name=name,
        log_level='ERROR',
        randomness=dict(seed=0),
        cfg=dict(model_wrapper_cfg=WRAPPER, **options.pop('cfg', {})),
        **options,
    )


def loop(kind, length, every=None):
    """A loop by epochs or iterations, and the data it takes: eight images in their order, of whose
    first four rank 1 gets two without an object."""
    by_epoch = kind == 'epoch'
    name = 'AlternatingTrainLoop' if by_epoch else 'AlternatingIterTrainLoop'
    cfg = dict(type=name, **{'max_epochs' if by_epoch else 'max_iters': length})
    sampler = dict(type='DefaultSampler' if by_epoch else 'InfiniteSampler', shuffle=False)
    slices = Slices((A, None, B, None, C, D, None, A), size=(96, 96))
    return dict(
        train_cfg=cfg | (dict(val_interval=every) if every else {}),
        train_dataloader=dict(batch_size=2, num_workers=0, dataset=slices, sampler=sampler),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05)),
        log_processor=dict(by_epoch=by_epoch),
    )


def train(name, work_dir, ranks):
    """Weights after training, and how far they went, from four images a step in all."""
    accumulate = 2 if name == 'accumulating' else 1
    model = build(SCENARIOS['equal'][1])
    start = copy.deepcopy(model.state_dict())
    options = loop(*LOOPS[name])
    options['train_dataloader']['batch_size'] = 4 // ranks // accumulate
    # Adam would turn rounding noise in a gradient near zero into a whole step.
    options['optim_wrapper']['accumulative_counts'] = accumulate
    launcher = 'pytorch' if ranks > 1 else 'none'
    runner(model, work_dir, f'{name} {ranks}', launcher=launcher, **options).train()
    end = model.state_dict()
    return end, max(float((end[k] - start[k]).abs().max()) for k in end)


def ask_for_sync_bn(work_dir, launcher):
    """What becomes of BatchNorm on a CPU where a config says ``sync_bn='torch'``.

    Returns:
        tuple: The names of the norm layers' classes, and the error, if there is one.
    """
    model, error = build(two_nets(dict(type='BN'))), None
    try:
        options = dict(launcher=launcher, cfg=dict(sync_bn='torch'))
        runner(model, work_dir, f'sync_bn {launcher}', **options)
    except ValueError as refusal:
        error = str(refusal)
    norms = {type(m).__name__ for m in model.modules() if 'BatchNorm' in type(m).__name__}
    return norms, error


def validate_and_save(work_dir, kind):
    """BatchNorm's running means of a model with an averaged copy (EMA): as validated, as saved."""
    model, validated, length = build(two_nets(dict(type='BN'))), [], 1 if kind == 'epoch' else 2

    def watch(module, args, kwargs):
        if kwargs['mode'] == 'predict':
            validated.append(running_means(module.state_dict()))

    model.register_forward_pre_hook(watch, with_kwargs=True)
    options = loop(kind, length, every=length)
    options['val_dataloader'] = options['train_dataloader'] | dict(
        sampler=dict(type='DefaultSampler', shuffle=False)
    )
    saving = dict(type='CheckpointHook', interval=length, by_epoch=kind == 'epoch')
    runner(
        model,
        f'{work_dir}/{kind}',
        f'statistics {kind}',
        launcher='pytorch',
        val_cfg=dict(),
        val_evaluator=[Nothing()],
        custom_hooks=[dict(type='EMAHook'), dict(type='SyncStatisticsHook')],
        default_hooks=dict(checkpoint=saving),
        **options,
    ).train()
    file = next(Path(work_dir, kind).glob(f'{kind}_*.pth'))
    saved = torch.load(file, weights_only=False)
    return validated[-1], running_means(saved['state_dict']), running_means(saved['ema_state_dict'])


def running_means(state):
    return {
        key.removeprefix('module.'): value.clone()
        for key, value in state.items()
        if key.endswith('running_mean')
    }


class Nothing(BaseMetric):
    """Scores nothing."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {}
