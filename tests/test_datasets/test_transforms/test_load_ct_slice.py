import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.datasets import LoadCTSlice


@pytest.fixture
def volume(tmp_path):
    array = np.random.default_rng(0).integers(-1024, 2000, (6, 5, 3)).astype(np.int16)
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / 'a_0000.nii')
    return str(tmp_path / 'a_0000.nii'), array


def test_slice_in_hu(volume):
    path, array = volume
    results = LoadCTSlice()(dict(img_path=path, slice_index=2))
    assert results['img'].dtype == np.float32 and results['img'].flags.c_contiguous
    np.testing.assert_array_equal(results['img'], array[:, :, 2].T)
    assert results['img_shape'] == results['ori_shape'] == (5, 6)


@pytest.mark.parametrize('index, expected', [
    (0, [0, 0, 0, 1, 2]), (1, [0, 0, 1, 2, 3]), (4, [2, 3, 4, 5, 6]), (6, [4, 5, 6, 6, 6]),
])  # fmt: skip
def test_neighbours_are_channels(tmp_path, index, expected):
    array = np.random.default_rng(1).integers(-1024, 2000, (6, 5, 7)).astype(np.int16)
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / 'b_0000.nii')
    oracle = nib.load(tmp_path / 'b_0000.nii').get_fdata()
    results = LoadCTSlice(neighbours=2)(dict(img_path=tmp_path / 'b_0000.nii', slice_index=index))
    assert results['img'].dtype == np.float32 and results['ori_shape'] == (5, 6)
    np.testing.assert_array_equal(results['img'], oracle[..., expected].transpose(1, 0, 2))


def test_neighbours_of_a_single_slice(tmp_path):
    nib.save(nib.Nifti1Image(np.ones((6, 5, 1), np.int16), np.eye(4)), tmp_path / 'c.nii')
    results = LoadCTSlice(neighbours=1)(dict(img_path=tmp_path / 'c.nii', slice_index=0))
    np.testing.assert_array_equal(results['img'], np.ones((5, 6, 3)))


def test_slope_and_intercept_are_applied_to_the_block(tmp_path):
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(2, -1000)
    nib.save(image, tmp_path / 'scaled.nii')
    oracle = nib.load(tmp_path / 'scaled.nii').get_fdata()
    results = LoadCTSlice(neighbours=1)(dict(img_path=tmp_path / 'scaled.nii', slice_index=2))
    np.testing.assert_allclose(results['img'], oracle[..., 1:4].transpose(1, 0, 2))


def test_errors(volume):
    with pytest.raises(ValueError, match='Prepare the data uncompressed'):
        LoadCTSlice()(dict(img_path=volume[0] + '.gz', slice_index=0))
    with pytest.raises(ValueError, match='there is no 3'):
        LoadCTSlice()(dict(img_path=volume[0], slice_index=3))
    with pytest.raises(ValueError, match='neighbours must not be negative, got -1'):
        LoadCTSlice(neighbours=-1)
    assert repr(LoadCTSlice(neighbours=1)) == 'LoadCTSlice(neighbours=1)'
