"""What is HU and what is not, on the phantom in many scales: by file and by series alike."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy.ndimage import zoom

from lsnet_mm.experiments.phantom import make_case, write_download
from lsnet_mm.volumes import VolumeError, check_hu, read_hu

LAI = np.diag([-0.8, 0.8, -2.5, 1.0])


@pytest.fixture(scope='module')
def case():
    hu, label, _ = make_case(0, 1, (64, 64, 24))
    return hu.astype(np.float64), label


def organ(hu, label, margin=0):
    """The box around the pancreas, which holds no air."""
    points = np.argwhere(label)
    box = zip(points.min(0) - margin, points.max(0) + 1 + margin, strict=True)
    return hu[tuple(slice(max(low, 0), high) for low, high in box)]


def padded(hu, value, share=0.21):
    """Outside of the round field of view of a scanner."""
    x, y = np.ogrid[:64, :64]
    outside = (x - 31.5) ** 2 + (y - 31.5) ** 2 > (1 - share) * 64**2 / np.pi * 1.27
    hu = hu.copy()
    hu[outside] = value
    return hu


def noisy(hu, deviation):
    return hu + np.random.default_rng(0).normal(0, deviation, hu.shape)


def chest(hu):
    """Low dose, with most of the body a lung."""
    hu = hu.copy()
    inside = hu > -300
    inside[:, :, ::2] = False
    lung = inside & (np.arange(64)[:, None, None] % 4 > 0)
    hu[lung] = -850
    return noisy(hu, 60).clip(-1024, None)


HU = {
    'as it is': lambda hu, label: hu,
    'int16': lambda hu, label: hu.astype(np.int16),
    'padding -1024': lambda hu, label: padded(hu, -1024),
    'padding -2000': lambda hu, label: padded(hu, -2000),
    'padding -3024': lambda hu, label: padded(hu, -3024),
    'padding -32768': lambda hu, label: padded(hu, -32768),
    'cropped to the body': lambda hu, label: hu[14:50, 18:46],
    'the organ alone': organ,
    'the organ and a margin': lambda hu, label: organ(hu, label, 5),
    'no slice but one': lambda hu, label: hu[..., 12:13],
    'window': lambda hu, label: hu.clip(-100, 240),
    'wide window': lambda hu, label: hu.clip(-500, 500),
    'strong contrast': lambda hu, label: np.where((hu > 100) & (hu < 300), hu + 250, hu),
    'noise': lambda hu, label: noisy(hu, 60),
    'chest at low dose': lambda hu, label: chest(hu),
    'metal': lambda hu, label: np.where(hu > 350, 3071, hu),
    'resampled': lambda hu, label: zoom(hu, 1.37, order=3),
    'air to both sides': lambda hu, label: np.pad(hu, 40, constant_values=-1000),
}
OTHER = {
    'HU + 1024': lambda hu, label: hu + 1024,
    'HU + 1024, padded': lambda hu, label: padded(hu + 1024, -2000),
    'HU + 1024, noise below 0': lambda hu, label: noisy(hu + 1024, 50),
    'HU + 1024, resampled': lambda hu, label: zoom(hu + 1024, 1.37, order=3),
    'HU + 1024, cropped': lambda hu, label: organ(hu, label) + 1024,
    'HU + 32768': lambda hu, label: hu + 32768,
    'HU - 1024': lambda hu, label: hu - 1024,
    '10 HU': lambda hu, label: noisy(10 * hu, 5),
    '- HU': lambda hu, label: -hu,
    '0..255': lambda hu, label: ((hu + 160) / 400).clip(0, 1) * 255,
    '0..255, resampled': lambda hu, label: zoom(((hu + 160) / 400).clip(0, 1) * 255, 1.37, order=3),
    '-128..127': lambda hu, label: (((hu + 160) / 400).clip(0, 1) * 255).round() - 128,
    'int8': lambda hu, label: hu.astype(np.int16).astype(np.int8),
    '0..1': lambda hu, label: ((hu + 160) / 400).clip(0, 1),
    '-1..1': lambda hu, label: ((hu + 160) / 400).clip(0, 1) * 2 - 1,
    '-1..1, padded': lambda hu, label: padded(((hu + 160) / 400).clip(0, 1) * 2 - 1, -1024),
    'z-score': lambda hu, label: (hu - hu.mean()) / hu.std(),
    'MR': lambda hu, label: abs(hu + 1000) / 2,
    'MR, a few below 0': lambda hu, label: np.where(hu == hu.min(), -3, abs(hu + 1000) / 2),
    'MR, resampled': lambda hu, label: zoom(abs(hu + 1000) / 2, 1.37, order=3),
    'MR, filled up': lambda hu, label: padded(abs(hu + 1000) / 2, -1000),
    'label': lambda hu, label: label,
    'one huge value': lambda hu, label: np.where(hu == hu.max(), 1e30, hu),
}


@pytest.mark.parametrize('name', HU)
def test_hu(case, name):
    check_hu(HU[name](*case))


@pytest.mark.parametrize('name', OTHER)
def test_other_scales(case, name):
    with pytest.raises(VolumeError, match='are no HU.*Export the CT before.*--assume-hu'):
        check_hu(OTHER[name](*case))


def test_a_file_in_another_scale_and_the_way_past(case, tmp_path):
    voxels = OTHER['z-score'](*case).astype(np.float32)
    nib.save(nib.Nifti1Image(voxels, LAI), tmp_path / '1.nii')
    with pytest.raises(VolumeError, match='^1.nii: values from -0.9.* are no HU'):
        read_hu(tmp_path / '1.nii')
    np.testing.assert_array_equal(read_hu(tmp_path / '1.nii', assume_hu=True).voxels, voxels)


def test_a_series_without_its_intercept(tmp_path):
    folder = write_download(tmp_path / 'd', 1, (40, 32, 8), withdrawn=False)
    for path in folder.rglob('*.dcm'):
        data = pydicom.dcmread(path)
        stored = (data.pixel_array.astype(int) + 1024).clip(0).astype('<u2')
        data.PixelData, data.PixelRepresentation = stored.tobytes(), 0
        data.save_as(path)
    with pytest.raises(VolumeError, match='^a series of 8 files: its values are no HU'):
        read_hu(folder)
    assert read_hu(folder, assume_hu=True).voxels.min() >= 0
