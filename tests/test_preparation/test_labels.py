"""The content check, against displacements that are known and scores that are worked by hand."""

import numpy as np
import pytest

from lsnet_mm.experiments.phantom import make_case
from lsnet_mm.preparation import alignment_scores, best_alternative

AXES = {'x': 0, 'y': 1, 'z': 2}


def test_score_by_hand():
    """Organ 100 in fat -100 beside a vessel of 300: both sides deviate by more than the cap, 80."""
    voxels = np.full((16, 16, 4), -100, np.int16)
    voxels[8:] = 300
    voxels[6:10, 6:10] = 100
    mask = np.zeros(voxels.shape, bool)
    mask[6:10, 6:10] = True
    scores = alignment_scores(voxels, mask)
    assert scores['as given'] == 80
    voxels[6, 6:10] = -40  # a quarter is fat: 80 - 80 / 4 - 25
    assert alignment_scores(voxels, mask)['as given'] == 35


def test_all_alternatives_are_tried():
    volume, label, _ = make_case(0, 1, (64, 64, 40))
    names = set(alignment_scores(volume, label > 0))
    flips = {f'flipped in {axes}' for axes in ('x', 'y', 'z', 'x and y', 'x and z', 'y and z')}
    shifts = {f'moved by {shift:+d} slices' for shift in (-10, -5, 5, 10)}
    assert names == {'as given', 'flipped in x and y and z'} | flips | shifts


@pytest.mark.parametrize('case', range(1, 9))
def test_margin_on_phantoms(case):
    """The figure that docs/decisions.md gives: every right label wins by tens of HU."""
    volume, label, _ = make_case(0, case, (64, 64, 24))
    _, margin = best_alternative(alignment_scores(volume, label > 0))
    assert margin > 25


@pytest.mark.parametrize('case', range(1, 5))
@pytest.mark.parametrize('axes', ['x', 'y', 'z', 'x and y', 'x and z', 'y and z', 'x and y and z'])
def test_every_flip_is_named(case, axes):
    volume, label, _ = make_case(0, case, (64, 64, 24))
    flipped = np.flip(label > 0, [AXES[axis] for axis in axes.split(' and ')])
    name, margin = best_alternative(alignment_scores(volume, flipped))
    assert name == f'flipped in {axes}' and margin < -25


@pytest.mark.parametrize('case', range(1, 5))
@pytest.mark.parametrize('shift', [-10, -5, 5, 10])
def test_every_shift_is_named(case, shift):
    volume, label, _ = make_case(0, case, (64, 64, 40))
    moved = np.roll(label > 0, shift, axis=2)
    moved[..., : max(shift, 0)] = False
    moved[..., min(shift, 0) or 40 :] = False
    name, margin = best_alternative(alignment_scores(volume, moved))
    assert name == f'moved by {-shift:+d} slices' and margin < -25


def test_a_move_out_of_the_volume_is_no_alternative():
    volume, label, _ = make_case(0, 1, (64, 64, 12))
    assert not [name for name in alignment_scores(volume, label > 0) if '10' in name]
