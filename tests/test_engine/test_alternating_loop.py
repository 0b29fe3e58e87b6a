"""What the loop runs, in which order, and that one Adam does what the paper's two steps ask for."""

import copy

import pytest
import torch
from alternation import BOX, SGD, Slices, difference, run, twins
from helpers import lsnet

BOTH = ['loss_localizer', 'loss_segmentor']


def write_out(model, optimizer, boxes, groups):
    """The alternation in plain torch: step on L_L, then step on L_S, grads None in between."""
    data = Slices(boxes)
    for group in groups:
        inputs = torch.stack([data[i]['inputs'] for i in group])
        samples = [data[i]['data_samples'] for i in group]
        for mode in ('loss_localizer', 'loss_segmentor'):
            optimizer.zero_grad(set_to_none=True)
            sum(v for k, v in model(inputs, samples, mode).items() if 'loss' in k).backward()
            optimizer.step()


@pytest.mark.parametrize(
    'loop, expected',
    [
        ({}, BOTH * 2),
        (dict(phases=(*BOTH[::-1], BOTH[0])), [*BOTH[::-1], BOTH[0]] * 2),
        (dict(max_epochs=2, warmup_epochs=1), BOTH[:1] * 2 + BOTH * 2),
        (dict(type='EpochBasedTrainLoop'), ['loss'] * 2),  # the stock loop: the fused variant
    ],
)
def test_phases_alternate_on_the_same_batch(tmp_path, loop, expected):
    assert run(tmp_path, lsnet(), **loop)[1] == expected


@pytest.mark.parametrize(
    'phase, still',
    [('loss_localizer', 'segmentor.'), ('loss_segmentor', 'localizer.head.keypoints')],
)
def test_what_a_phase_does_not_reach_does_not_move(tmp_path, phase, still):
    """Also after the other phase has filled Adam's moments of these parameters."""
    model, before = lsnet(), {}

    def remember(module, args, kwargs):
        before.setdefault(len(before), {k: v.clone() for k, v in module.named_parameters()})

    model.register_forward_pre_hook(remember, with_kwargs=True)
    run(tmp_path, model, phases=('loss_localizer', 'loss_segmentor', phase))
    # forward 3 of the second batch ends that batch; compare before and after a lone ``phase``
    start, end = before[2], before[3]
    moved = {k for k in start if not torch.equal(start[k], end[k])}
    assert moved and not any(k.startswith(still) for k in moved)


def test_equals_a_loop_written_out(tmp_path):
    """Bit for bit, with one Adam."""
    model, other = twins()
    run(tmp_path, model)
    adam = torch.optim.Adam(other.parameters(), lr=1e-3)
    write_out(other, adam, (BOX,) * 4, ((0, 1), (2, 3)))
    assert difference(model, other) == 0


def test_accumulation_equals_a_larger_batch(tmp_path):
    model, other = twins()
    run(tmp_path / 'a', model, batch_size=2, wrapper=SGD | dict(accumulative_counts=2))
    run(tmp_path / 'b', other, batch_size=4, wrapper=SGD)
    assert difference(model, other) < 1e-5
    model, _ = twins()
    run(tmp_path / 'c', model, batch_size=2, wrapper=SGD)
    assert difference(model, other) > 1e-4  # the test can fail


def test_an_uneven_last_group_is_stepped_too(tmp_path):
    # RoIs from the ground truth: the most probable cell of a new net flips with rounding noise.
    model, other = twins(roi_mixing=dict(type='RoIMixing', ratio=1.0, shift=0, scale=0))
    boxes = (BOX,) * 6
    _, modes = run(tmp_path / 'a', model, boxes, 2, SGD | dict(accumulative_counts=2))
    assert modes == BOTH[:1] * 2 + BOTH[1:] * 2 + BOTH
    write_out(other, torch.optim.SGD(other.parameters(), lr=0.1), boxes, ((0, 1, 2, 3), (4, 5)))
    assert difference(model, other) < 1e-5


def test_no_batch_waits_over_the_end_of_an_epoch(tmp_path):
    """What waits is in no checkpoint: it would be lost when training resumes there."""
    wrapper = dict(accumulative_counts=2)
    _, modes = run(tmp_path, lsnet(), (BOX,) * 6, 2, wrapper, max_epochs=2)
    assert modes == (BOTH[:1] * 2 + BOTH[1:] * 2 + BOTH) * 2


def test_iteration_based_twin(tmp_path):
    model, other = twins()
    run(tmp_path / 'a', model)
    _, modes = run(tmp_path / 'b', other, type='AlternatingIterTrainLoop', max_iters=2)
    assert modes == BOTH * 2
    assert difference(model, other) == 0


def test_clipping_acts_in_both_phases(tmp_path):
    model, other = twins()
    sgd = dict(optimizer=dict(type='SGD', lr=1.0))
    start = copy.deepcopy(model)
    run(tmp_path / 'a', model, wrapper=sgd | dict(clip_grad=dict(max_norm=1e-3)), batch_size=4)
    pairs = zip(model.parameters(), start.parameters(), strict=True)
    step = torch.stack([(a - b).detach().square().sum() for a, b in pairs]).sum().sqrt()
    assert 0 < step <= 2e-3 * 1.001
    run(tmp_path / 'b', other, wrapper=sgd, batch_size=4)
    assert difference(model, other) > 1e-3
