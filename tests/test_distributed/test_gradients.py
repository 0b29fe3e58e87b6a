"""Two processes have the gradients of one with all images, in each phase."""

import pytest
import torch
from gradients import PHASES, SCENARIOS, gradients

# A rank without an object still runs S-Net on a crop, whose pixels SyncBN cannot but count.
OTHER_STATISTICS = 'SyncBN, one rank without object'
# A sum in another order, and forty BatchNorm layers between it and the gradient.
TOLERANCE = {'SyncBN': 1e-2, 'SyncBN, mixing on one rank': 1e-2}


def parts(grads):
    """The gradients of each net by itself: gamma makes those of one phase differ in size."""
    for net in ('localizer', 'segmentor', 'transform'):
        yield net, {k: v for k, v in grads.items() if k.startswith(net)}


def difference(a, b):
    """The largest one, in parts of the largest gradient."""
    assert [k for k in a if a[k] is None] == [k for k in b if b[k] is None]
    pairs = [(a[k], b[k]) for k in a if a[k] is not None]
    size = max((float(v.abs().max()) for _, v in pairs), default=0)
    return max((float((u - v).abs().max()) for u, v in pairs), default=0) / (size or 1)


@pytest.mark.parametrize('name', SCENARIOS)
def test_ranks_agree(ranks, name):
    for phase in PHASES:
        assert difference(ranks[0][name][phase], ranks[1][name][phase]) == 0


@pytest.mark.parametrize('name', [n for n in SCENARIOS if n != OTHER_STATISTICS])
def test_gradients_are_those_of_one_process(ranks, name):
    alone = gradients(name)
    for phase in PHASES:
        for (net, a), (_, b) in zip(parts(ranks[0][name][phase]), parts(alone[phase]), strict=True):
            assert difference(a, b) < TOLERANCE.get(name, 1e-5), (phase, net)


@pytest.mark.parametrize(
    'name, phase',
    [
        ('unequal', 'loss_localizer'),
        ('unequal', 'loss_segmentor'),
        ('one rank without object', 'loss_segmentor'),
        ('mixing', 'loss_segmentor'),
        ('SyncBN', 'loss_localizer'),
        ('SyncBN', 'loss_segmentor'),
    ],
)
def test_a_mean_of_means_would_be_told_apart(name, phase):
    """What the ranks would have if each knew of its own images alone."""
    halves = [gradients(name, half)[phase] for half in (slice(2), slice(2, 4))]
    alone = gradients(name)[phase]
    means = {
        k: None if v is None else sum(torch.zeros(()) if h[k] is None else h[k] for h in halves) / 2
        for k, v in alone.items()
    }
    assert difference(means, alone) > 2 * TOLERANCE.get(name, 1e-5)
