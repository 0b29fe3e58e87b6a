import numpy as np
import pytest
from scipy import ndimage

from lsnet_mm.datasets import BoxesFromMask


def boxes(mask, **kwargs):
    results = BoxesFromMask(**kwargs)(dict(gt_seg_map=mask))
    assert results['gt_bboxes'].dtype == np.float32
    assert results['gt_bboxes_labels'].tolist() == [0] * len(results['gt_bboxes'])
    return results['gt_bboxes'].tolist()


def squares(*corners, size=4, shape=(100, 320)):
    mask = np.zeros(shape, np.uint8)
    for x, y in corners:
        mask[y : y + size, x : x + size] = 1
    return mask


def test_empty_mask_has_no_box():
    results = BoxesFromMask(merge_distance=10)(dict(gt_seg_map=np.zeros((5, 6), np.uint8)))
    assert results['gt_bboxes'].shape == (0, 4) and results['gt_bboxes_labels'].shape == (0,)
    assert boxes(squares((5, 5)) * 255) == []  # ignored pixels are no object


def test_components_touching_at_a_corner_are_one():
    assert boxes(squares((10, 10), (14, 14))) == [[10, 10, 18, 18]]


def test_against_scipy():
    rng = np.random.default_rng(0)
    mask = (ndimage.gaussian_filter(rng.standard_normal((90, 110)), 3) > 0.1).astype(np.uint8)
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    of_320 = 30 * 320**2 / mask.size
    expected = [
        [x.start, y.start, x.stop, y.stop]
        for k, (y, x) in enumerate(ndimage.find_objects(labels), start=1)
        if (labels == k).sum() >= 30
    ]
    assert 1 < len(expected) < count
    assert sorted(boxes(mask, min_area=of_320)) == sorted(expected)


def test_small_components_are_left_out_unless_all_are():
    mask = squares((10, 10), size=4, shape=(320, 320))
    mask[50, 50:52] = 1
    assert boxes(mask) == [[10, 10, 14, 14]]
    assert boxes(mask, min_area=100) == [[10, 10, 14, 14]]  # the largest stays
    assert len(boxes(mask, min_area=1)) == 2


@pytest.mark.parametrize('shape', [(160, 160), (320, 320), (512, 512), (100, 640)])
def test_an_object_is_one_at_every_size(shape):
    """Of two parts the smaller has just so many pixels, of a 320x320 image, or one too few."""
    scale = shape[0] * shape[1] / 320**2
    mask = squares((10, 10), size=20, shape=shape)
    area = int(np.ceil(10 * scale))
    mask.reshape(-1)[40 : 40 + area] = 1  # in the first row, apart from the square
    assert len(boxes(mask, min_area=10)) == 2
    mask.reshape(-1)[40] = 0
    assert len(boxes(mask, min_area=10)) == 1


def test_merging():
    mask = squares((10, 10), (50, 10), (200, 10))
    assert len(boxes(mask)) == 3
    assert len(boxes(mask, merge_distance=40)) == 3  # centres exactly 40 apart stay two
    assert boxes(mask, merge_distance=41) == [[10, 10, 54, 14], [200, 10, 204, 14]]
    # The distance means a 320 wide image: at half the width it is half as many pixels.
    half = squares((10, 10), (50, 10), shape=(100, 160))
    assert len(boxes(half, merge_distance=79)) == 2
    assert boxes(half, merge_distance=81) == [[10, 10, 54, 14]]


def test_merging_chains_and_repeats():
    chain = squares((10, 10), (50, 10), (90, 10))
    assert boxes(chain, merge_distance=41) == [[10, 10, 94, 14]]
    # The joined box's centre, (32, 12), comes within reach of the third, 45 below.
    mask = squares((10, 10), (50, 10), (30, 55))
    distance = np.hypot(20, 45)
    assert 45 < 48 < distance
    assert boxes(mask, merge_distance=48) == [[10, 10, 54, 59]]


def test_bad_arguments():
    with pytest.raises(ValueError, match='must not be negative'):
        BoxesFromMask(min_area=-1)
