import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.datasets import LoadCTSlice


@pytest.fixture
def volume(tmp_path):
    array = np.random.default_rng(0).integers(-1024, 2000, (6, 5, 3)).astype(np.int16)
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / 'a_0000.nii')
    return str(tmp_path / 'a_0000.nii'), array


@pytest.mark.parametrize('channels', [1, 3])
def test_slice_in_hu(volume, channels):
    path, array = volume
    results = LoadCTSlice(channels)(dict(img_path=path, slice_index=2))
    assert results['img'].dtype == np.float32 and results['img'].shape == (5, 6, channels)
    for channel in range(channels):
        np.testing.assert_array_equal(results['img'][..., channel], array[:, :, 2].T)
    assert results['img_shape'] == results['ori_shape'] == (5, 6)


def test_errors(volume):
    with pytest.raises(ValueError, match='Prepare the data uncompressed'):
        LoadCTSlice()(dict(img_path=volume[0] + '.gz', slice_index=0))
    with pytest.raises(ValueError, match='there is no 3'):
        LoadCTSlice()(dict(img_path=volume[0], slice_index=3))
    with pytest.raises(ValueError, match='channels must be at least 1, got 0'):
        LoadCTSlice(channels=0)
