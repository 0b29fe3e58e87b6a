"""Slices that form no straight grid are read all the same, each for itself."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from downloads import Download

from lsnet_mm.experiments.phantom import downloaded_case, write_download
from lsnet_mm.volumes import (
    MissingSlices,
    VolumeError,
    find_irregularity,
    find_series,
    pack_nifti,
    read_hu,
)

SHAPE = (40, 32, 8)
HU = downloaded_case(0, 1, SHAPE)[0]


@pytest.fixture
def series(tmp_path):
    return Download(write_download(tmp_path / 'download', 1, SHAPE, withdrawn=False))


def gap(d):
    d.files.pop(3).unlink()


def uneven(d):
    for k, z in enumerate((0, 2.5, 5, 7.5, 10.7, 13.9, 17.1, 20.3)):
        d.edit(k, ImagePositionPatient=[0, 0, -z])


def tilted(d):
    """The table moves along the patient, and slices lean by 15 degrees."""
    angle = np.radians(15)
    for k in range(8):
        d.edit(k, ImageOrientationPatient=[1, 0, 0, 0, -np.cos(angle), -np.sin(angle)])


KINDS = {
    'gap': (gap, MissingSlices, r'1-005.dcm: 1 slice\(s\) missing between it and 1-003.dcm'),
    'uneven': (uneven, VolumeError, 'uneven spacing: '),
    'tilted': (tilted, VolumeError, 'the gantry was tilted by 15.0 degrees'),
}


@pytest.mark.parametrize('kind', KINDS)
def test_read(series, kind):
    spoil, error, message = KINDS[kind]
    spoil(series)
    volume, left = read_hu(series.root), [k for k in range(8) if kind != 'gap' or k != 3]
    np.testing.assert_array_equal(volume.voxels, HU[..., left])
    with pytest.raises(error, match=message):
        pack_nifti(volume)
    assert str(volume.irregular) in volume.notes[0]
    assert volume.voxel_ml.shape == (len(left),)


def test_volume_of_uneven_slices(series):
    """A slice reaches half way to the next ones: the areas times these, by hand."""
    heights = [0, 1, 2, 4, 7, 8, 9, 10]
    for k, z in enumerate(heights):
        series.edit(k, ImagePositionPatient=[0, 0, -z])
    volume = read_hu(series.root)
    y, x = pydicom.dcmread(series.files[0]).PixelSpacing
    expected = np.array([1, 1, 1.5, 2.5, 2, 1, 1, 1]) * float(x) * float(y) / 1000
    np.testing.assert_allclose(volume.voxel_ml, expected)
    turned = volume.oriented('RPS' if volume.orientation != 'RPS' else 'LAI')
    assert volume.orientation[2] != turned.orientation[2]
    np.testing.assert_allclose(turned.voxel_ml, expected[::-1])
    np.testing.assert_array_equal(turned.voxels[..., 0], volume.oriented('RPI').voxels[..., -1])


def test_slices_that_are_cut_across(series):
    """Uneven coronal slices: an axial one would take a row from each, and be distorted."""
    for k in range(8):
        series.edit(k, ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
                    ImagePositionPatient=[0, 3 * k + 1.4 * (k > 4), 0])  # fmt: skip
    volume = read_hu(series.root)
    with pytest.raises(VolumeError, match='its slices are .., and: uneven spacing'):
        volume.oriented('LAI')


def test_a_slice_of_another_series_in_a_gap(series):
    """It is missed there, so it is named; one at the place of another is no part of the stack."""
    series.edit(3, SeriesInstanceUID='1.2.3')
    found, broken = find_series(series.root)
    assert [len(one.headers) for one in found] == [7]
    [file] = broken
    assert file.path == series.files[3]
    assert file.reason == 'continues the slices and has another SeriesInstanceUID'


def test_steps_that_differ_little():
    """5.0 mm and then 5.1: each is even, though the middle is a millimetre from a straight line."""
    heights = np.cumsum([0] + [5.0] * 50 + [5.1] * 50)
    headers = [
        SimpleNamespace(path=Path(f'{k}.dcm'), name=f'{k}.dcm', position=(0.0, 0.0, height),
                        orientation=(1.0, 0, 0, 0, 1, 0), tilt=0.0)
        for k, height in enumerate(heights)
    ]  # fmt: skip
    assert find_irregularity(headers) is None
    assert '1 slice(s) missing between it and 39.dcm' in str(
        find_irregularity(headers[:40] + headers[41:])
    )
