"""A few iterations of the alternating loops, over eight images or a rank's share of them."""

import copy
from pathlib import Path

import torch
from gradients import SCENARIOS, A, B, C, D, build, two_nets
from helpers import batch
from mmengine.evaluator import BaseMetric
from mmengine.runner import Runner
from torch.utils.data import Dataset

import lsnet_mm.engine  # noqa: F401  registers

LOOPS = {
    'by epoch': dict(type='AlternatingTrainLoop', max_epochs=1),
    'by iteration': dict(type='AlternatingIterTrainLoop', max_iters=2),
    'accumulating': dict(type='AlternatingIterTrainLoop', max_iters=4),
}
# As tools/train.py has it on a CPU.
WRAPPER = dict(broadcast_buffers=False, find_unused_parameters=True, device_ids=None)


class Slices(Dataset):
    """Eight images; of the first four, rank 1 gets two without an object."""

    def __init__(self):
        self.inputs, self.samples = batch((A, None, B, None, C, D, None, A))

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, i):
        return dict(inputs=self.inputs[i].clone(), data_samples=copy.deepcopy(self.samples[i]))


def train(name, work_dir, ranks):
    """Weights after training, and how far they went, from four images a step in all."""
    accumulate = 2 if name == 'accumulating' else 1
    model = build(SCENARIOS['equal'][1])
    model.init_weights = lambda: None  # as it was built
    start = copy.deepcopy(model.state_dict())
    Runner(
        model=model,
        work_dir=str(work_dir),
        train_dataloader=dict(
            batch_size=4 // ranks // accumulate,
            num_workers=0,
            sampler=dict(
                type='DefaultSampler' if name == 'by epoch' else 'InfiniteSampler', shuffle=False
            ),
            dataset=Slices(),
        ),
        train_cfg=LOOPS[name],
        # Adam would turn rounding noise in a gradient near zero into a whole step.
        optim_wrapper=dict(
            type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05), accumulative_counts=accumulate
        ),
        launcher='pytorch' if ranks > 1 else 'none',
        default_hooks=dict(checkpoint=None, logger=None, runtime_info=None, timer=None),
        default_scope='mmseg',
        experiment_name=f'{name} {ranks}',
        log_processor=dict(by_epoch=name == 'by epoch'),
        log_level='ERROR',
        randomness=dict(seed=0),
        cfg=dict(model_wrapper_cfg=WRAPPER),
    ).train()
    end = model.state_dict()
    moved = max(float((end[k] - start[k]).abs().max()) for k in end)
    return end, moved


def ask_for_sync_bn(work_dir, launcher):
    """What becomes of BatchNorm on a CPU where a config says ``sync_bn='torch'``.

    Returns:
        tuple: The names of the norm layers' classes, and the error, if there is one.
    """
    model, error = build(two_nets(dict(type='BN'))), None
    try:
        Runner(
            model=model,
            work_dir=str(work_dir),
            launcher=launcher,
            default_scope='mmseg',
            experiment_name=f'sync_bn {launcher}',
            log_level='ERROR',
            cfg=dict(sync_bn='torch', model_wrapper_cfg=WRAPPER),
        )
    except ValueError as refusal:
        error = str(refusal)
    norms = {type(m).__name__ for m in model.modules() if 'BatchNorm' in type(m).__name__}
    return norms, error


def validate_and_save(work_dir, by_epoch):
    """BatchNorm's running means of a model with an averaged copy (EMA): as validated, as saved."""
    model, validated = build(two_nets(dict(type='BN'))), []

    def watch(module, args, kwargs):
        if kwargs['mode'] == 'predict':
            validated.append(running_means(module.state_dict()))

    model.register_forward_pre_hook(watch, with_kwargs=True)
    kind = 'epoch' if by_epoch else 'iter'
    loop = dict(type='AlternatingTrainLoop', max_epochs=1, val_interval=1)
    if not by_epoch:
        loop = dict(type='AlternatingIterTrainLoop', max_iters=2, val_interval=2)
    saving = dict(type='CheckpointHook', interval=loop['val_interval'], by_epoch=by_epoch)
    loader = dict(batch_size=2, num_workers=0, dataset=Slices())
    sampler = dict(type='DefaultSampler' if by_epoch else 'InfiniteSampler', shuffle=False)
    Runner(
        model=model,
        work_dir=f'{work_dir}/{kind}',
        train_dataloader=loader | dict(sampler=sampler),
        val_dataloader=loader | dict(sampler=dict(type='DefaultSampler', shuffle=False)),
        val_cfg=dict(),
        val_evaluator=[Nothing()],
        train_cfg=loop,
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.05)),
        launcher='pytorch',
        custom_hooks=[dict(type='EMAHook'), dict(type='SyncStatisticsHook')],
        default_hooks=dict(
            checkpoint=saving,
            logger=None, runtime_info=None, timer=None,
        ),
        default_scope='mmseg',
        experiment_name=f'statistics {kind}',
        log_processor=dict(by_epoch=by_epoch),
        log_level='ERROR',
        randomness=dict(seed=0),
        cfg=dict(model_wrapper_cfg=WRAPPER),
    ).train()  # fmt: skip
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
