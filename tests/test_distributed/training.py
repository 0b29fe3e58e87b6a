"""A few iterations of the alternating loops, over eight images or a rank's share of them."""

import copy
from pathlib import Path

import torch
from alternation import SILENT, run, with_val
from gradients import SCENARIOS, A, B, C, D, build, two_nets

EPOCH, ITERATIONS = dict(type='AlternatingTrainLoop'), dict(type='AlternatingIterTrainLoop')
LOOPS = {
    'by epoch': dict(EPOCH, max_epochs=1),
    'by iteration': dict(ITERATIONS, max_iters=2),
    'accumulating': dict(ITERATIONS, max_iters=4),
}
#: In their order; of the first four, rank 1 gets two without an object.
IMAGES = (A, None, B, None, C, D, None, A)
# As tools/train.py has it on a CPU.
WRAPPER = dict(broadcast_buffers=False, find_unused_parameters=True, device_ids=None)


def run_ranks(model, work_dir, ranks, loop, batch_size=2, accumulate=1, **runner):
    """Trains a model as it was built, in one process or in this one of several."""
    model.init_weights = lambda: None
    # Adam would turn rounding noise in a gradient near zero into a whole step.
    sgd = dict(optimizer=dict(type='SGD', lr=0.05), accumulative_counts=accumulate)
    runner |= dict(launcher='pytorch' if ranks > 1 else 'none')
    runner |= dict(cfg=dict(model_wrapper_cfg=WRAPPER))
    run(Path(work_dir), model, IMAGES, batch_size, sgd, runner, size=(96, 96), **loop)


def train(name, work_dir, ranks):
    """Weights after training, and how far they went, from four images a step in all."""
    accumulate = 2 if name == 'accumulating' else 1
    model = build(SCENARIOS['equal'][1])
    start = copy.deepcopy(model.state_dict())
    folder = f'{work_dir}/{name}'
    run_ranks(model, folder, ranks, LOOPS[name], 4 // ranks // accumulate, accumulate)
    end = model.state_dict()
    return end, max(float((end[k] - start[k]).abs().max()) for k in end)


def validate_and_save(work_dir, kind):
    """BatchNorm's running means of a model with an averaged copy (EMA): as validated, as saved."""
    model, validated = build(two_nets(dict(type='BN'))), []
    by_epoch = kind == 'epoch'
    loop = dict(EPOCH, max_epochs=1) if by_epoch else dict(ITERATIONS, max_iters=2, val_interval=2)

    def watch(module, args, kwargs):
        if kwargs['mode'] == 'predict':
            validated.append(running_means(module.state_dict()))

    model.register_forward_pre_hook(watch, with_kwargs=True)
    saving = dict(type='CheckpointHook', interval=1 if by_epoch else 2, by_epoch=by_epoch)
    hooks = [dict(type='EMAHook'), dict(type='SyncStatisticsHook')]
    options = with_val(*hooks, boxes=IMAGES, size=(96, 96))
    options |= dict(default_hooks=dict(SILENT, checkpoint=saving))
    run_ranks(model, f'{work_dir}/{kind}', 2, loop, **options)
    file = next(Path(work_dir, kind).glob(f'{kind}_*.pth'))
    saved = torch.load(file, weights_only=False)
    return validated[-1], running_means(saved['state_dict']), running_means(saved['ema_state_dict'])


def running_means(state):
    return {
        key.removeprefix('module.'): value.clone()
        for key, value in state.items()
        if key.endswith('running_mean')
    }
