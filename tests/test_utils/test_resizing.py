"""Images, masks and boxes are resized on one grid."""

import numpy as np
import pytest
import torch
from mmcv.transforms import Resize
from PIL import Image

from lsnet_mm.datasets import BoxesFromMask, RandomCTAffine, ResizeSlice
from lsnet_mm.utils.resizing import resize_labels

SIZES = [(512, 160), (512, 256), (512, 320), (128, 256)]


def resized(img, mask, size):
    results = dict(img=img, gt_seg_map=mask, seg_fields=['gt_seg_map'])
    return ResizeSlice(scale=(size, size))(results)


def ellipse(side, rng):
    """A mask of one drawn at random."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    centre = rng.uniform(0.35, 0.65, 2) * side
    axes, angle = rng.uniform(0.04, 0.12, 2) * side, rng.uniform(0, np.pi)
    x, y = columns - centre[0], rows - centre[1]
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return ((u / axes[0]) ** 2 + (v / axes[1]) ** 2 < 1).astype(np.uint8)


@pytest.mark.parametrize('old, new', SIZES)
def test_edges_of_image_mask_and_box_are_at_the_same_place(old, new):
    """The image says of each pixel where its centre was; masks begin or end at every column."""
    ramp = np.tile(np.arange(old, dtype=np.float32) + 0.5, (old, 1))
    columns = np.arange(old)
    off = []
    for edge in range(8, old - 8):
        for right, mask in enumerate((columns < edge, columns >= edge)):
            mask = np.tile(mask.astype(np.uint8), (old, 1))
            results = resized(ramp, mask, new)
            inside = np.flatnonzero(results['gt_seg_map'][new // 2])
            at = inside[0] if right else inside[-1] + 1
            in_image = np.interp(edge, results['img'][new // 2], np.arange(new) + 0.5)
            assert in_image == pytest.approx(edge * new / old, abs=0.05)
            box = BoxesFromMask()(results)['gt_bboxes'][0]
            assert box[0 if right else 2] == at
            off.append(at - in_image)
    assert abs(np.mean(off)) < 0.01  # pixels of the output
    assert np.abs(off).max() < 0.55


def test_augmentation_does_not_displace_either():
    """The mask is warped by another rule than the image, and neither is ahead."""
    np.random.seed(0)
    rng, off = np.random.default_rng(0), []
    places = np.mgrid[:160, :160] + 0.5
    for _ in range(300):
        mask = ellipse(160, rng)
        results = dict(img=mask.astype(np.float32), gt_seg_map=mask, seg_fields=['gt_seg_map'])
        RandomCTAffine()(results)
        in_image, in_mask = (
            np.average(places.reshape(2, -1), axis=1, weights=results[key].ravel())
            for key in ('img', 'gt_seg_map')
        )
        off.append(in_mask - in_image)
    assert np.abs(np.mean(off, axis=0)).max() < 0.02


@pytest.mark.parametrize('size', [(20, 15), (24, 30), (13, 7), (7, 40), (50, 9)])
@pytest.mark.parametrize('labels', [(0, 1), (0, 1, 2), (0, 1, 2, 255), (1, 255), (3,)])
def test_a_pixel_takes_the_largest_area_in_it(labels, size):
    """By numpy: every pixel cut so finely that the pixels of both grids are whole pieces."""
    (width, height), mask = size, np.random.default_rng(0).choice(np.array(labels), (30, 24))
    found = resize_labels(mask, size)
    assert found.dtype == mask.dtype
    if height > 30:  # along an axis that grows, the class at the centre
        mask = mask[((np.arange(height) + 0.5) * 30 / height).astype(int)]
    if width > 24:
        mask = mask[:, ((np.arange(width) + 0.5) * 24 / width).astype(int)]
    pieces = np.repeat(np.repeat(mask, height, axis=0), width, axis=1)
    pieces = pieces.reshape(height, mask.shape[0], width, mask.shape[1])
    areas = np.stack([(pieces == label).sum((1, 3)) for label in labels])
    np.testing.assert_array_equal(found, np.array(labels)[areas.argmax(0)])


@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.int64, np.uint32])
def test_ties_and_types(dtype):
    half = np.array([[0, 7], [7, 0]], dtype)
    found = resize_labels(half, (1, 1))
    assert found.dtype == dtype and found.tolist() == [[0]]
    assert resize_labels(np.array([[0, 7, 7]], dtype), (1, 1)).tolist() == [[7]]
    assert resize_labels(np.array([[2, 7, 0, 7, 2, 1]], dtype), (1, 1)).tolist() == [[2]]
    assert resize_labels(half, (2, 2)) is half


def test_enlarging_is_that_of_two_libraries():
    """OpenCV's ``INTER_NEAREST_EXACT`` is a third from its version 5; before, it rounds."""
    mask = np.random.default_rng(0).integers(0, 3, (30, 24), np.uint8)
    found = resize_labels(mask, (50, 46))
    maps = torch.from_numpy(mask)[None, None].float()
    torchs = torch.nn.functional.interpolate(maps, (46, 50), mode='nearest-exact')
    np.testing.assert_array_equal(found, torchs[0, 0])
    pillow = Image.fromarray(mask).resize((50, 46), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(found, pillow)


@pytest.mark.parametrize('interpolation', ['area', 'bilinear'])
@pytest.mark.parametrize('shape', [(40, 48), (40, 48, 3)])
def test_all_but_masks_is_as_mmcv_has_it(shape, interpolation):
    rng = np.random.default_rng(0)
    for img in (rng.integers(0, 256, shape, np.uint8), rng.normal(0, 99, shape)):
        results = dict(img=img, gt_bboxes=np.array([[4.0, 6, 20, 30]]))
        ours = ResizeSlice(scale=[30, 20], interpolation=interpolation)(dict(results))
        scale = dict(scale=(30, 20), keep_ratio=False)
        theirs = Resize(**scale, interpolation=interpolation)(dict(results))
        assert ours.keys() == theirs.keys() and ours['scale_factor'] == (30 / 48, 20 / 40)
        for key, value in theirs.items():
            np.testing.assert_array_equal(ours[key], value)


def test_every_mask_is_resized():
    masks = {key: np.full((8, 8), n, np.uint8) for n, key in enumerate('ab', start=1)}
    results = ResizeSlice((4, 2))(dict(masks, img=np.zeros((8, 8)), seg_fields=['a', 'b']))
    assert [np.unique(results[key]).tolist() for key in 'ab'] == [[1], [2]]
    assert results['a'].shape == results['b'].shape == results['img_shape'] == (2, 4)
