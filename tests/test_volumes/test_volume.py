import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.volumes import Volume

LAI = np.array([[-0.8, 0, 0, 20], [0, 0.8, 0, -30], [0, 0, -2.5, 7], [0, 0, 0, 1.0]])


@pytest.mark.parametrize('codes', ['RAS', 'LPS', 'LAI', 'SPR', 'AIL'])
def test_orientation_moves_no_voxel(codes):
    """Where a voxel is in the patient, it stays; nibabel says where."""
    volume = Volume(np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7), LAI)
    turned = volume.oriented(codes)
    assert turned.orientation == codes
    assert np.shares_memory(turned.voxels, volume.voxels)
    for index in [(0, 0, 0), (4, 0, 3), (2, 5, 6)]:
        place = nib.affines.apply_affine(volume.affine, index)
        there = nib.affines.apply_affine(np.linalg.inv(turned.affine), place).round().astype(int)
        assert turned.voxels[tuple(there)] == volume.voxels[index]
    canonical = nib.as_closest_canonical(nib.Nifti1Image(volume.voxels, volume.affine))
    np.testing.assert_array_equal(turned.oriented('RAS').voxels, canonical.dataobj)
    np.testing.assert_array_equal(turned.oriented('RAS').affine, canonical.affine)


def test_properties():
    volume = Volume(np.zeros((5, 6, 7)), LAI)
    assert volume.spacing == pytest.approx((0.8, 0.8, 2.5)) and volume.orientation == 'LAI'
    assert volume.oriented('LAI') is volume
    with pytest.raises(ValueError, match=r'voxels \(X, Y, Z\).*got \(2, 2\) and \(4, 4\)'):
        Volume(np.zeros((2, 2)), LAI)
