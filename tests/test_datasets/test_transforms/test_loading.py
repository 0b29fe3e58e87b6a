"""Slices and masks as they come from files, and slices as they come from memory."""

import cv2
import nibabel as nib
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from lsnet_mm.datasets import (
    CTSliceFromMemory,
    GreySliceFromMemory,
    HUWindow,
    LoadCTMask,
    LoadCTSlice,
)

MASK = np.zeros((4, 6), np.uint8)
MASK[1:3, 2:5] = 1


@pytest.fixture
def volume(tmp_path):
    """A file of 7 slices with a slope and an intercept, and what nibabel makes of it."""
    array = np.random.default_rng(1).integers(0, 2000, (6, 5, 7)).astype(np.int16)
    image = nib.Nifti1Image(array, np.eye(4))
    image.header.set_slope_inter(2, -1000)
    nib.save(image, tmp_path / 'a_0000.nii')
    return str(tmp_path / 'a_0000.nii'), nib.load(tmp_path / 'a_0000.nii').get_fdata()


@pytest.mark.parametrize('index, expected', [
    (0, [0, 0, 0, 1, 2]), (1, [0, 0, 1, 2, 3]), (4, [2, 3, 4, 5, 6]), (6, [4, 5, 6, 6, 6]),
])  # fmt: skip
def test_a_slice_and_its_neighbours(volume, index, expected):
    path, oracle = volume
    info = dict(img_path=path, voxels=oracle, slice_index=index)
    for kind in (LoadCTSlice, CTSliceFromMemory):
        alone, five = kind()(dict(info)), kind(neighbours=2)(dict(info))
        for results in (alone, five):
            assert results['img'].dtype == np.float32
            assert results['img_shape'] == results['ori_shape'] == (5, 6)
        np.testing.assert_array_equal(alone['img'], oracle[..., index].T)
        np.testing.assert_array_equal(five['img'], oracle[..., expected].transpose(1, 0, 2))
    one = dict(info, voxels=oracle[..., :1], slice_index=0)
    expected = np.dstack([oracle[..., 0].T] * 3)
    np.testing.assert_array_equal(CTSliceFromMemory(neighbours=1)(one)['img'], expected)


def test_slices_that_are_not_there(volume):
    with pytest.raises(ValueError, match='Prepare the data uncompressed'):
        LoadCTSlice()(dict(img_path=volume[0] + '.gz', slice_index=0))
    for index in (-1, 7):
        with pytest.raises(ValueError, match=f'a_0000.nii has 7 slices .* there is no {index}'):
            LoadCTSlice()(dict(img_path=volume[0], slice_index=index))
    with pytest.raises(ValueError, match='neighbours must not be negative, got -1'):
        LoadCTSlice(neighbours=-1)


def test_window():
    img = np.array([-1024, -100, 70, 240, 3000], np.float32).reshape(1, 5, 1)
    out = HUWindow()(dict(img=img))['img']
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.ravel(), [0, 0, 127.5, 255, 255], rtol=1e-6)
    out = HUWindow((-125, 275))(dict(img=img.astype(np.int16)))['img']
    np.testing.assert_allclose(out.ravel()[1:3], [255 * 25 / 400, 255 * 195 / 400], rtol=1e-6)
    with pytest.raises(ValueError, match=r'window must be \(low, high\) in HU, got \(240, -100\)'):
        HUWindow((240, -100))


@pytest.mark.parametrize('options', [{}, dict(color_type='grayscale'), dict(to_float32=True)])
def test_slices_in_memory_are_those_of_files(tmp_path, options):
    voxels = np.random.default_rng(0).integers(0, 256, (30, 20, 2), np.int16)
    path = str(tmp_path / 'slice.png')
    cv2.imwrite(path, voxels[..., 1].T)
    expected = LoadImageFromFile(**options)(dict(img_path=path))
    found = GreySliceFromMemory(**options)(dict(voxels=voxels, slice_index=1))
    assert found['img'].dtype == expected['img'].dtype
    np.testing.assert_array_equal(found['img'], expected['img'])
    assert found['ori_shape'] == expected['ori_shape']


def load_mask(path, array=None, shape=(4, 6), **info):
    """Load a mask, which is written first if it is given."""
    if isinstance(array, np.ndarray):
        Image.fromarray(array).save(path)
    info = dict(seg_map_path=str(path), ori_shape=shape, seg_fields=[], **info)
    return LoadCTMask()(dict(info, img_path='image.jpg'))


def test_png(tmp_path):
    results = load_mask(tmp_path / 'm.png', MASK, img_shape=(320, 320))
    assert results['gt_seg_map'].dtype == np.uint8 and results['seg_fields'] == ['gt_seg_map']
    np.testing.assert_array_equal(results['gt_seg_map'], MASK)
    palette = Image.fromarray(MASK)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(tmp_path / 'm.png')
    np.testing.assert_array_equal(load_mask(tmp_path / 'm.png')['gt_seg_map'], MASK)


@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.float32])
def test_nifti(tmp_path, dtype):
    label = np.stack([np.zeros_like(MASK.T), MASK.T], axis=2).astype(dtype)
    nib.save(nib.Nifti1Image(label, np.eye(4)), tmp_path / 'm.nii')
    results = load_mask(tmp_path / 'm.nii', slice_index=1)
    assert results['gt_seg_map'].dtype == np.uint8
    np.testing.assert_array_equal(results['gt_seg_map'], MASK)


def test_label_map_says_what_may_occur(tmp_path):
    results = load_mask(tmp_path / 'a.png', MASK * 2, label_map={0: 0, 1: 255, 2: 1})
    np.testing.assert_array_equal(results['gt_seg_map'], MASK)


@pytest.mark.parametrize('array, error, message', [
    (MASK.T.copy(), ValueError, r'm.png: the mask is \(6, 4\), its image image.jpg is \(4, 6\)'),
    (MASK * 255, ValueError, r'm.png: .* must be in \[0, 1\], found \[255\].*0/1, not 0/255'),
    (MASK * 2, ValueError, r'm.png: .* must be in \[0, 1\], found \[2\]\.$'),
    (np.stack([MASK] * 3, axis=2), ValueError, 'm.png: a mask has one channel, got shape'),
    (None, FileNotFoundError, 'm.png does not exist'),
])  # fmt: skip
def test_masks_that_do_not_fit(tmp_path, array, error, message):
    with pytest.raises(error, match=message):
        load_mask(tmp_path / 'm.png', array)
