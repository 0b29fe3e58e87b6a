import math
import sys

import pytest
import torch

from lsnet_mm.evaluation import hd95, nsd
from lsnet_mm.evaluation.surface import check_volume

SPACING = (0.5, 0.5, 2.0)


def cube(x=2, z=2):
    mask = torch.zeros(16, 16, 8, dtype=torch.bool)
    mask[4:10, x : x + 6, z : z + 4] = True
    return mask


EMPTY = torch.zeros_like(cube())


def test_a_mask_against_itself():
    assert hd95(cube(), cube(), SPACING) == 0
    assert nsd(cube(), cube(), SPACING) == 100


@pytest.mark.parametrize('spacing', [SPACING, (1, 1, 2)])
def test_spacing_is_row_column_slice(spacing):
    # As many columns as there are in 2 mm, and 1 slice of 2 mm, are as far.
    moved = cube(x=2 + int(2 / spacing[1]))
    assert hd95(moved, cube(), spacing) == pytest.approx(2.0)
    assert hd95(cube(z=3), cube(), spacing) == pytest.approx(2.0)
    assert nsd(moved, cube(), spacing) == 100
    assert nsd(moved, cube(), spacing, tolerance=1.0) < 100


def test_empty_volumes():
    assert hd95(EMPTY, EMPTY, SPACING) == 0
    assert nsd(EMPTY, EMPTY, SPACING) == 100
    assert hd95(EMPTY, cube(), SPACING) == pytest.approx(math.sqrt(8**2 + 8**2 + 16**2))
    assert nsd(cube(), EMPTY, SPACING) == 0


def test_what_is_not_a_volume():
    check_volume('a', [4, 5, 6], SPACING)
    with pytest.raises(ValueError, match='contiguous slices, case a jumps from slice 5 to 8'):
        check_volume('a', [4, 5, 8], SPACING)
    with pytest.raises(ValueError, match='voxel spacing, case a has none'):
        check_volume('a', [4, 5], None)


def test_without_monai(monkeypatch):
    monkeypatch.setitem(sys.modules, 'monai.metrics', None)
    monkeypatch.setitem(sys.modules, 'monai', None)
    with pytest.raises(ImportError, match='surface scores need MONAI'):
        hd95(cube(), cube(), SPACING)
