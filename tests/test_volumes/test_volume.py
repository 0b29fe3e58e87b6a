import gzip

import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.volumes import Volume, VolumeError, pack_nifti, read_nifti, write_nifti

RNG = np.random.default_rng(0)
LAI = np.array([[-0.8, 0, 0, 20], [0, 0.8, 0, -30], [0, 0, -2.5, 7], [0, 0, 0, 1.0]])


@pytest.fixture
def volume():
    return Volume(RNG.integers(-1024, 1500, (5, 6, 7)).astype(np.int16), LAI)


@pytest.mark.parametrize('codes', ['RAS', 'LPS', 'LAI', 'SPR', 'AIL'])
def test_orientation_moves_no_voxel(volume, codes):
    """Where a voxel is in the patient, it stays; nibabel says where."""
    turned = volume.oriented(codes)
    assert turned.orientation == codes
    assert np.shares_memory(turned.voxels, volume.voxels)
    for index in [(0, 0, 0), (4, 0, 3), (2, 5, 6)]:
        place = nib.affines.apply_affine(volume.affine, index)
        there = nib.affines.apply_affine(np.linalg.inv(turned.affine), place).round().astype(int)
        assert turned.voxels[tuple(there)] == volume.voxels[index]
    canonical = nib.as_closest_canonical(nib.Nifti1Image(volume.voxels, volume.affine))
    np.testing.assert_array_equal(volume.oriented('RAS').voxels, canonical.dataobj)
    np.testing.assert_array_equal(volume.oriented('RAS').affine, canonical.affine)


def test_properties(volume):
    assert volume.spacing == pytest.approx((0.8, 0.8, 2.5)) and volume.orientation == 'LAI'
    assert volume.oriented('LAI') is volume
    with pytest.raises(ValueError, match=r'voxels \(X, Y, Z\).*got \(2, 2\) and \(4, 4\)'):
        Volume(np.zeros((2, 2)), LAI)


def test_nifti_out_and_in(volume, tmp_path):
    write_nifti(tmp_path / 'a.nii', volume)
    image = nib.load(tmp_path / 'a.nii')
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), volume.voxels)
    np.testing.assert_allclose(image.affine, volume.affine, rtol=1e-6)
    np.testing.assert_allclose(image.get_qform(), volume.affine, rtol=1e-6)
    assert image.header.get_xyzt_units()[0] == 'mm' and image.get_data_dtype() == np.int16
    read = read_nifti(tmp_path / 'a.nii')
    np.testing.assert_array_equal(read.voxels, volume.voxels)
    write_nifti(tmp_path / 'b.nii', read.oriented('RAS').oriented('LAI'))
    assert (tmp_path / 'a.nii').read_bytes() == (tmp_path / 'b.nii').read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['a.nii', 'b.nii']


def test_compressed_and_scaled(volume, tmp_path):
    nib.save(nib.Nifti1Image(volume.voxels, LAI), tmp_path / 'a.nii.gz')
    np.testing.assert_array_equal(read_nifti(tmp_path / 'a.nii.gz').voxels, volume.voxels)
    image = nib.Nifti1Image(volume.voxels / 3, LAI)
    image.set_data_dtype(np.int16)  # nibabel finds a slope and an intercept
    nib.save(image, tmp_path / 'b.nii')
    loaded = nib.load(tmp_path / 'b.nii').get_fdata()
    np.testing.assert_array_equal(read_nifti(tmp_path / 'b.nii').voxels, loaded)


def test_gzip_in_several_members(volume, tmp_path):
    write_nifti(tmp_path / 'a.nii', volume)
    content = (tmp_path / 'a.nii').read_bytes()
    members = gzip.compress(content[:300]) + gzip.compress(content[300:])
    (tmp_path / 'b.nii.gz').write_bytes(members)
    np.testing.assert_array_equal(read_nifti(tmp_path / 'b.nii.gz').voxels, volume.voxels)


@pytest.mark.parametrize('name', ['1.nii', '2.nii.gz', '3.NII.GZ'])
@pytest.mark.parametrize('packed', [False, True])
def test_content_tells_whether_it_is_compressed(volume, tmp_path, name, packed):
    write_nifti(tmp_path / 'a.nii', volume)
    content = (tmp_path / 'a.nii').read_bytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(read_nifti(tmp_path / name).voxels, volume.voxels)
    mask = Volume(np.ones((5, 6, 7), np.uint8), volume.affine)
    (tmp_path / 'mask.nii.gz').write_bytes(pack_nifti(mask, tmp_path / name))
    np.testing.assert_array_equal(
        nib.load(tmp_path / 'mask.nii.gz').affine, nib.load(tmp_path / 'a.nii').affine
    )


def test_a_wrong_checksum_is_damage(volume, tmp_path):
    content = bytearray(pack_nifti(volume))
    content[-8] ^= 1
    (tmp_path / '1.nii.gz').write_bytes(content)
    with pytest.raises(VolumeError, match='^1.nii.gz: the file is no NIfTI volume, or truncated'):
        read_nifti(tmp_path / '1.nii.gz')


def test_an_interrupted_write_leaves_the_old_file(volume, tmp_path):
    path = tmp_path / 'a.nii'
    write_nifti(path, volume)
    before = path.read_bytes()
    (tmp_path / '.a.nii.partial').mkdir()
    with pytest.raises(OSError):
        write_nifti(path, Volume(volume.voxels + 1, LAI))
    assert path.read_bytes() == before


def test_what_is_no_volume(tmp_path):
    for name, content in (('1.nii', b'no volume'), ('2.nii.gz', b'no gzip'), ('3.nii', b'')):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VolumeError, match=f'^{name}: the file is no NIfTI volume, or truncat'):
            read_nifti(tmp_path / name)
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2, 3), np.int16), LAI), tmp_path / '4.nii')
    with pytest.raises(VolumeError, match=r'^4.nii: it holds an array of shape \(2, 2, 2, 3\)'):
        read_nifti(tmp_path / '4.nii')
