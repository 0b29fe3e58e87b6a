"""DICOM series in: voxels, order and geometry against pydicom, whatever the encoding."""

import pickle

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
)

from lsnet_mm.experiments.phantom import downloaded_case, write_download
from lsnet_mm.volumes import VolumeError, find_series, read_hu

SHAPE = (40, 32, 8)


@pytest.fixture
def folder(tmp_path):
    """One series, of case 1."""
    return write_download(tmp_path / 'download', 1, SHAPE, withdrawn=False)


def files(folder):
    return sorted(folder.rglob('*.dcm'))


def rewrite(path, **values):
    data = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.save_as(path)


def assert_exact(folder):
    """The oracle is the phantom itself."""
    np.testing.assert_array_equal(read_hu(folder).voxels, downloaded_case(0, 1, SHAPE)[0])


@pytest.mark.parametrize(
    'syntax',
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
)
def test_encodings(tmp_path, syntax):
    if syntax == JPEG2000Lossless:
        pytest.importorskip('openjpeg')
    write_download(tmp_path / 'd', 1, SHAPE, withdrawn=False, transfer_syntax=syntax)
    assert_exact(tmp_path / 'd')


def test_a_file_that_ends_anywhere_is_refused(folder):
    path = files(folder)[3]
    content = path.read_bytes()
    header = content.index(pydicom.dcmread(path).PixelData)
    for size in [*range(0, header, 23), header, len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(VolumeError, match='^(1-00[45].dcm|the folder): '):
            read_hu(folder)


def test_a_slope_of_two_values_is_refused(folder):
    rewrite(files(folder)[2], RescaleSlope=['1', '2'])
    with pytest.raises(VolumeError, match='^1-003.dcm: '):
        read_hu(folder)


def test_lossless_jpeg(folder):
    """Which pydicom cannot write: GDCM does it here, and decodes it."""
    gdcm = pytest.importorskip('gdcm')
    for path in files(folder):
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(
            gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1)
        )  # fmt: skip
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(path))
        assert writer.Write()
    assert pydicom.dcmread(files(folder)[0]).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    assert_exact(folder)


def test_geometry_is_that_of_the_headers(folder):
    volume = read_hu(folder)
    spacing = downloaded_case(0, 1, SHAPE)[2]
    assert volume.spacing == pytest.approx(spacing, rel=1e-6)
    assert volume.orientation == 'LAI'
    for k, path in enumerate(files(folder)):
        data = pydicom.dcmread(path)
        # PS3.3, C.7.6.2.1.1: the place of column 5, row 3; then from LPS to RAS.
        row, column = np.array(data.ImageOrientationPatient, float).reshape(2, 3)
        between_rows, between_columns = data.PixelSpacing
        place = np.array(data.ImagePositionPatient, float)
        place = (place + 5 * between_columns * row + 3 * between_rows * column) * (-1, -1, 1)
        np.testing.assert_allclose(nib.affines.apply_affine(volume.affine, (5, 3, k)), place)


def test_oblique_series(folder):
    """Rotated about two axes: still straight slices, so still a volume."""
    turn = nib.eulerangles.euler2mat(0.2, 0.1, -0.15)
    row, column = turn[:, 0], -turn[:, 1]
    normal = np.cross(row, column)
    for k, path in enumerate(files(folder)):
        position = [f'{x:.10f}' for x in 7 * k * normal]
        rewrite(path, ImagePositionPatient=position,
                ImageOrientationPatient=[f'{x:.10f}' for x in (*row, *column)])  # fmt: skip
    volume = read_hu(folder)
    assert volume.spacing[2] == pytest.approx(7, rel=1e-6)
    lps = np.diag([-1, -1, 1]) @ volume.affine[:3, :3] / volume.spacing
    np.testing.assert_allclose(lps, np.column_stack([row, column, normal]), atol=1e-6)


@pytest.mark.parametrize(
    'bits, slope, intercept', [(16, 1, -1024), (12, 1, -1024), (16, 0.5, -1024)]
)
def test_rescaling(folder, bits, slope, intercept):
    stored = np.random.default_rng(0).integers(0, 4096, (32, 40)).astype('<u2')
    values = dict(PixelData=stored.tobytes(), PixelRepresentation=0, BitsStored=bits)
    values.update(HighBit=bits - 1, RescaleSlope=str(slope), RescaleIntercept=str(intercept))
    for path in files(folder):
        rewrite(path, **values)
    volume = read_hu(folder)
    expected = np.rint(pydicom.dcmread(files(folder)[0]).pixel_array * float(slope) + intercept)
    assert volume.voxels.dtype == np.int16 and volume.voxels.flags.f_contiguous
    np.testing.assert_array_equal(volume.voxels[..., 3].T, expected)


def test_what_is_no_series_is_passed_over(folder):
    (folder / 'notes.txt').write_text('call the clinic')
    (folder / '._1-001.dcm').write_bytes(b'\x00\x05\x16\x07')
    (folder / '.hidden').mkdir()
    (folder / '.hidden' / '1-001.dcm').write_text('no DICOM')
    series, broken = find_series(folder)
    assert len(series) == 1 and not broken
    found = {(header.patient, header.kind) for header in series[0].headers}
    assert found == {('PANCREAS_0001', 'CT slice')}
    assert len(series[0].headers) == 8


def test_files_without_a_name_of_their_own(folder):
    """A series scattered over folders, under any names, is one series."""
    for k, path in enumerate(files(folder)):
        target = folder / f'part{k % 3}'
        target.mkdir(exist_ok=True)
        path.rename(target / f'JANE-DOE-{k}')
    assert_exact(folder)


def test_errors_hold_no_names(folder):
    paths = [path.rename(path.with_name(f'JANE-DOE-{path.name}')) for path in files(folder)]
    paths[2].write_bytes(paths[2].read_bytes()[:-9])
    with pytest.raises(VolumeError, match=r'^file 3 of 8: the file is truncated') as caught:
        read_hu(folder)
    assert 'JANE' not in str(caught.value)
    copy = pickle.loads(pickle.dumps(caught.value))  # as it travels between processes
    assert str(copy) == str(caught.value)


def test_no_volume_or_several(folder, tmp_path):
    write_download(folder / 'other', 1, SHAPE, seed=1, withdrawn=False)
    with pytest.raises(VolumeError, match='it holds 2 visits. Name the folder of one'):
        read_hu(folder)
    for path in files(folder)[1:]:
        path.unlink()
    files(folder)[0].unlink()
    with pytest.raises(VolumeError, match='it holds 0 series'):
        read_hu(folder)


def test_jitter_of_rounded_positions_is_even(folder):
    for path in files(folder):
        x, y, z = pydicom.dcmread(path).ImagePositionPatient
        rewrite(path, ImagePositionPatient=[x, y, round(float(z), 1)])
    assert_exact(folder)


@pytest.mark.parametrize('thickness, mm', [(5.0, 5.0), (None, 1.0)])
def test_a_single_slice(folder, thickness, mm):
    """Given as a folder or as a file; what its header does not say is said to be unknown."""
    path, expected = files(folder)[3], read_hu(folder)
    for other in files(folder):
        if other != path:
            other.unlink()
    if thickness:
        rewrite(path, SliceThickness=thickness)
    position = np.array(pydicom.dcmread(path).ImagePositionPatient, float) * (-1, -1, 1)
    for source in (folder, path):
        volume = read_hu(source)
        heights = expected.affine[2, 3] + expected.affine[2, 2] * np.arange(8)
        at = int(np.abs(heights - position[2]).argmin())
        np.testing.assert_array_equal(volume.voxels[..., 0], expected.voxels[..., at])
        np.testing.assert_allclose(volume.affine[:, :2], expected.affine[:, :2])
        np.testing.assert_allclose(volume.affine[:3, 3], position)
        np.testing.assert_allclose(np.abs(volume.affine[:3, 2]), [0, 0, mm])
        assert not volume.irregular and f'single slice of {mm:g} mm' in volume.notes[0]
        assert ('does not say' in volume.notes[0]) == (thickness is None)
    rewrite(path, SliceThickness=0)
    with pytest.raises(VolumeError, match='its SliceThickness is 0.0, which no scan has in mm'):
        read_hu(path)
