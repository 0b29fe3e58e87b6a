"""Parts of a mask, wherever it lies and however it is stored."""

import numpy as np
import pytest
from scipy import ndimage

from lsnet_mm.apis.tidy_up import parts_of
from lsnet_mm.volumes import Volume


def scattered(seed):
    """Two classes in the middle of an empty volume, some voxels of them at its ends."""
    rng = np.random.default_rng(seed)
    voxels = np.zeros((20, 24, 28), np.uint8)
    voxels[5:11, 9:12, 3:22] = rng.choice([0, 0, 0, 1, 2], (6, 3, 19))
    if seed:
        voxels[0, 23, 27] = 2
    return voxels


@pytest.mark.parametrize('seed', [0, 1])
@pytest.mark.parametrize(
    'view',
    [
        np.asarray,
        np.asfortranarray,
        lambda v: v[::-1, :, ::-1],
        lambda v: np.asfortranarray(v).transpose(1, 2, 0),
    ],
)
def test_parts_are_those_of_the_whole_volume(seed, view):
    voxels = view(scattered(seed))
    found = {k: one for k, *one in parts_of(Volume(voxels, np.diag([1, 2, 5, 1.0])))}
    boxes = ndimage.find_objects(voxels)
    assert list(found) == [1, 2]
    for label, (box, parts, sizes) in found.items():
        assert box == boxes[label - 1]
        whole, count = ndimage.label(voxels == label, np.ones((3, 3, 3)))
        assert np.array_equal(parts, whole[box])
        np.testing.assert_allclose(sizes, 0.01 * np.bincount(whole.ravel())[1:])


def test_an_empty_mask_has_no_parts():
    assert not list(parts_of(Volume(np.zeros((4, 5, 6), np.uint8), np.eye(4))))
