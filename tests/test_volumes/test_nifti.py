"""NIfTI in and out, whole and by slices, against nibabel."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.volumes import (
    Volume,
    VolumeError,
    open_nifti,
    pack_nifti,
    read_nifti,
    read_slice,
)

LAI = np.array([[-0.8, 0, 0, 20], [0, 0.8, 0, -30], [0, 0, -2.5, 7], [0, 0, 0, 1.0]])


@pytest.fixture
def volume():
    voxels = np.random.default_rng(0).integers(-1024, 1500, (5, 6, 7))
    return Volume(voxels.astype(np.int16), LAI)


def write(path, volume):
    path.write_bytes(pack_nifti(volume, compressed=False))


def save(path, array):
    nib.save(nib.Nifti1Image(array, LAI), path)
    return path


def test_out_and_in(volume, tmp_path):
    write(tmp_path / 'a.nii', volume)
    image = nib.load(tmp_path / 'a.nii')
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), volume.voxels)
    np.testing.assert_allclose(image.affine, volume.affine, rtol=1e-6)
    np.testing.assert_allclose(image.get_qform(), volume.affine, rtol=1e-6)
    assert image.header.get_xyzt_units()[0] == 'mm' and image.get_data_dtype() == np.int16
    read = read_nifti(tmp_path / 'a.nii')
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    write(tmp_path / 'b.nii', read.oriented('RAS').oriented('LAI'))
    assert (tmp_path / 'a.nii').read_bytes() == (tmp_path / 'b.nii').read_bytes()


def test_scaled_values(volume, tmp_path):
    image = nib.Nifti1Image(volume.voxels / 3, LAI)
    image.set_data_dtype(np.int16)  # nibabel finds a slope and an intercept
    nib.save(image, tmp_path / 'a.nii')
    loaded = nib.load(tmp_path / 'a.nii').get_fdata()
    np.testing.assert_array_equal(read_nifti(tmp_path / 'a.nii').voxels, loaded)
    np.testing.assert_array_equal(read_slice(tmp_path / 'a.nii', 1), loaded[..., 1].T)


@pytest.mark.parametrize('name', ['1.nii', '2.nii.gz', '3.NII.GZ'])
@pytest.mark.parametrize('packed', [False, True])
def test_content_tells_whether_it_is_compressed(volume, tmp_path, name, packed):
    write(tmp_path / 'a.nii', volume)
    content = (tmp_path / 'a.nii').read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(read_nifti(tmp_path / name).voxels, volume.voxels)


def test_a_mask_takes_over_geometry_to_the_bit_and_nothing_else(volume, tmp_path):
    image = nib.Nifti1Image(volume.voxels, LAI)
    image.set_qform(None, 0)
    image.header['qoffset_x'], image.header['descrip'] = 1 / 3, b'JANE DOE'
    nib.save(image, tmp_path / '1.nii.gz')
    mask = Volume(np.ones((5, 6, 7), np.uint8), np.eye(4))
    (tmp_path / 'mask.nii.gz').write_bytes(pack_nifti(mask, tmp_path / '1.nii.gz'))
    own, other = (nib.load(tmp_path / name).header for name in ('mask.nii.gz', '1.nii.gz'))
    for field in ('pixdim', 'qform_code', 'sform_code', 'quatern_b', 'qoffset_x', 'srow_z'):
        assert own[field].tobytes() == other[field].tobytes()
    assert own['descrip'] == b'' and own.get_data_dtype() == np.uint8


def test_damage(volume, tmp_path):
    content = bytearray(pack_nifti(volume))
    content[-8] ^= 1  # the checksum
    (tmp_path / '4.nii.gz').write_bytes(content)
    for name, content in (('1.nii', b'no volume'), ('2.nii.gz', b'no gzip'), ('3.nii', b'')):
        (tmp_path / name).write_bytes(content)
    for name in ('1.nii', '2.nii.gz', '3.nii', '4.nii.gz'):
        with pytest.raises(VolumeError, match=f'^{name}: the file is no NIfTI volume, or truncat'):
            read_nifti(tmp_path / name)
    save(tmp_path / '5.nii', np.zeros((2, 2, 2, 3), np.int16))
    with pytest.raises(VolumeError, match=r'^5.nii: it holds an array of shape \(2, 2, 2, 3\)'):
        read_nifti(tmp_path / '5.nii')


def test_slice_is_rows_by_columns(volume, tmp_path):
    path = save(tmp_path / 'a.nii', volume.voxels)
    for k in range(7):
        assert read_slice(path, k).dtype == np.int16
        np.testing.assert_array_equal(read_slice(path, k), volume.voxels[:, :, k].T)
    for k in (-1, 7):
        with pytest.raises(ValueError, match=f'a.nii has slices 0 to 6, there is no {k}'):
            read_slice(path, k)


def test_what_cannot_be_read_by_slices(tmp_path):
    with pytest.raises(ValueError, match='a.nii.gz is compressed.*Prepare the data uncompressed'):
        open_nifti(tmp_path / 'a.nii.gz')
    with pytest.raises(FileNotFoundError, match='b.nii'):
        open_nifti(tmp_path / 'b.nii')
    (tmp_path / 'c.nii').write_bytes(b'no volume')
    with pytest.raises(ValueError, match='c.nii is not a NIfTI file'):
        open_nifti(tmp_path / 'c.nii')
    with pytest.raises(ValueError, match=r'd.nii must hold a 3D volume.*\(2, 2\)'):
        open_nifti(save(tmp_path / 'd.nii', np.zeros((2, 2), np.int16)))
