import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.volumes import foreground_slices, open_nifti, read_slice, slice_spacing


def save(path, array, spacing=(0.7, 0.8, 2.5)):
    nib.save(nib.Nifti1Image(array, np.diag([*spacing, 1.0])), path)
    return path


@pytest.fixture
def volume(tmp_path):
    array = np.arange(4 * 3 * 5, dtype=np.int16).reshape(4, 3, 5)
    return save(tmp_path / 'a.nii', array), array


def test_slice_is_rows_by_columns(volume):
    path, array = volume
    for k in range(5):
        read = read_slice(path, k)
        assert read.dtype == np.int16
        np.testing.assert_array_equal(read, array[:, :, k].T)
        np.testing.assert_array_equal(read, np.asanyarray(nib.load(path).dataobj)[..., k].T)


def test_slope_and_intercept_are_applied(tmp_path):
    image = nib.Nifti1Image(np.full((2, 3, 4), 50, np.int16), np.eye(4))
    image.header.set_slope_inter(2, -1000)
    nib.save(image, tmp_path / 'scaled.nii')
    header = nib.load(tmp_path / 'scaled.nii')
    np.testing.assert_allclose(read_slice(header.get_filename(), 1), header.get_fdata()[..., 1].T)


def test_spacing_is_row_column_slice(volume):
    assert slice_spacing(open_nifti(volume[0])) == pytest.approx((0.8, 0.7, 2.5))


def test_foreground_slices(tmp_path):
    label = np.zeros((4, 3, 6), np.uint8)
    label[1, 2, [1, 4]] = 1
    assert foreground_slices(save(tmp_path / 'label.nii', label)) == [1, 4]


@pytest.mark.parametrize('index', [-1, 5])
def test_no_such_slice(volume, index):
    with pytest.raises(ValueError, match=f'a.nii has slices 0 to 4, there is no {index}'):
        read_slice(volume[0], index)


def test_bad_files(tmp_path):
    with pytest.raises(ValueError, match='a.nii.gz is compressed.*Prepare the data uncompressed'):
        open_nifti(tmp_path / 'a.nii.gz')
    with pytest.raises(FileNotFoundError, match='b.nii does not exist'):
        open_nifti(tmp_path / 'b.nii')
    (tmp_path / 'c.nii').write_bytes(b'no volume')
    with pytest.raises(ValueError, match='c.nii is not a NIfTI file'):
        open_nifti(tmp_path / 'c.nii')
    with pytest.raises(ValueError, match=r'must hold a 3D volume.*\(2, 2\)'):
        open_nifti(save(tmp_path / 'd.nii', np.zeros((2, 2), np.int16)))
