import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from lsnet_mm.datasets import LoadCTMask


def record(path, shape=(4, 6), **kwargs):
    return dict(
        img_path='image.jpg', seg_map_path=str(path), ori_shape=shape, label_map=None,
        seg_fields=[], **kwargs,
    )  # fmt: skip


def png(path, array):
    Image.fromarray(array).save(path)
    return path


MASK = np.zeros((4, 6), np.uint8)
MASK[1:3, 2:5] = 1


def test_png(tmp_path):
    results = LoadCTMask()(record(png(tmp_path / 'm.png', MASK)))
    assert results['gt_seg_map'].dtype == np.uint8 and results['seg_fields'] == ['gt_seg_map']
    np.testing.assert_array_equal(results['gt_seg_map'], MASK)


def test_palette_png_is_read_as_indices(tmp_path):
    image = Image.fromarray(MASK)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(tmp_path / 'm.png')
    results = LoadCTMask()(record(tmp_path / 'm.png'))
    np.testing.assert_array_equal(results['gt_seg_map'], MASK)


@pytest.mark.parametrize('dtype', [np.uint8, np.int16, np.float32])
def test_nifti(tmp_path, dtype):
    label = np.stack([np.zeros_like(MASK.T), MASK.T], axis=2).astype(dtype)
    nib.save(nib.Nifti1Image(label, np.eye(4)), tmp_path / 'm.nii')
    results = LoadCTMask()(record(tmp_path / 'm.nii', slice_index=1))
    assert results['gt_seg_map'].dtype == np.uint8
    np.testing.assert_array_equal(results['gt_seg_map'], MASK)


def test_size_is_compared_with_the_original_image(tmp_path):
    path = png(tmp_path / 'm.png', MASK)
    LoadCTMask()(record(path, img_shape=(320, 320)))
    with pytest.raises(ValueError, match=r'm.png: the mask is \(4, 6\), its image image.jpg is'):
        LoadCTMask()(record(path, shape=(6, 4)))


def test_values(tmp_path):
    with pytest.raises(ValueError, match=r'must be in \[0, 1\], found \[255\].*0/1, not 0/255'):
        LoadCTMask()(record(png(tmp_path / 'a.png', MASK * 255)))
    with pytest.raises(ValueError, match=r'must be in \[0, 1\], found \[2\]\.$'):
        LoadCTMask()(record(png(tmp_path / 'b.png', MASK * 2)))
    results = LoadCTMask(num_classes=3)(record(png(tmp_path / 'c.png', MASK * 2)))
    np.testing.assert_array_equal(results['gt_seg_map'], MASK * 2)


def test_label_map_says_what_may_occur(tmp_path):
    results = record(png(tmp_path / 'a.png', MASK * 2))
    results['label_map'] = {0: 0, 1: 255, 2: 1}
    np.testing.assert_array_equal(LoadCTMask()(results)['gt_seg_map'], MASK)


def test_unreadable(tmp_path):
    with pytest.raises(FileNotFoundError, match='m.png does not exist'):
        LoadCTMask()(record(tmp_path / 'm.png'))
    with pytest.raises(ValueError, match='one channel, got shape'):
        LoadCTMask()(record(png(tmp_path / 'rgb.png', np.stack([MASK] * 3, axis=2))))
