"""Enhanced multi-frame CT, as highdicom makes it of single slices: the same volume."""

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from lsnet_mm.experiments.phantom import downloaded_case, write_download
from lsnet_mm.volumes import VolumeError, find_irregularity, find_series, read_hu, sort_slices

hd = pytest.importorskip('highdicom')
SHAPE = (40, 32, 8)
HU = downloaded_case(0, 1, SHAPE)[0]
EMPTY = ('StudyID', 'StudyDate', 'StudyTime', 'AccessionNumber', 'PatientSex', 'PatientBirthDate')


@pytest.fixture
def slices(tmp_path):
    """Single slices as scanners store them, twelve bits without a sign."""
    sources = []
    for path in sorted(write_download(tmp_path / 'd', 1, SHAPE, withdrawn=False).rglob('*.dcm')):
        data = pydicom.dcmread(path)
        stored = (data.pixel_array.astype(int) + 1024).clip(0, 4095)
        data.PixelData, data.PixelRepresentation = stored.astype('<u2').tobytes(), 0
        data.RescaleIntercept, data.BitsStored, data.HighBit = '-1024', 12, 11
        for keyword in EMPTY:
            setattr(data, keyword, '')
        data.SeriesNumber = 1
        sources.append(data)
    return sources


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'series').mkdir()
    return tmp_path / 'series'


def write(slices, folder, syntax=ExplicitVRLittleEndian):
    """One file of them all, and the slices again, in their order."""
    image = hd.legacy.LegacyConvertedEnhancedCTImage(
        slices, UID('1.2.3'), 1, UID('1.2.3.4'), 1, transfer_syntax_uid=syntax
    )
    image.save_as(folder / '1.dcm')
    return pydicom.dcmread(folder / '1.dcm')


@pytest.mark.parametrize(
    'syntax', [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless]
)
def test_read(slices, folder, tmp_path, syntax):
    write(slices, folder, syntax)
    volume, single = read_hu(folder), read_hu(tmp_path / 'd')
    np.testing.assert_array_equal(volume.voxels, HU.clip(-1024))
    np.testing.assert_allclose(volume.affine, single.affine, rtol=0, atol=1e-6)
    assert volume.irregular is None


def test_frames_in_any_order(slices, folder):
    """Positions say where a frame is; pydicom and numpy say what is right."""
    data = write(slices, folder)
    order = np.random.default_rng(0).permutation(SHAPE[2])
    groups, pixels = list(data.PerFrameFunctionalGroupsSequence), data.pixel_array[order]
    data.PerFrameFunctionalGroupsSequence = [groups[k] for k in order]
    data.PixelData = pixels.tobytes()
    data.save_as(folder / '1.dcm')
    np.testing.assert_array_equal(read_hu(folder).voxels, HU.clip(-1024))
    [series], _ = find_series(folder)
    groups = (group.PlanePositionSequence[0] for group in data.PerFrameFunctionalGroupsSequence)
    heights = [float(group.ImagePositionPatient[2]) for group in groups]
    assert [header.frame for header in sort_slices(series)] == list(np.argsort(heights)[::-1])


def test_a_gap(slices, folder):
    write(slices[:3] + slices[4:], folder)
    [series], _ = find_series(folder)
    reason = str(find_irregularity(sort_slices(series)))
    assert '1 slice(s) missing between it and 1.dcm, frame' in reason
    assert read_hu(folder).voxels.shape == (*SHAPE[:2], 7)


def rows(data):
    data.Rows = data.Rows - 2


def groups(data):
    del data.PerFrameFunctionalGroupsSequence[3]


def place(data):
    del data.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence


def twice(data):
    first, second = data.PerFrameFunctionalGroupsSequence[3:5]
    second.PlanePositionSequence = first.PlanePositionSequence


def short(data):
    data.PixelData = data.PixelData[:-500]


def deflated(data):
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian


def bits(data):
    pixels = data.pixel_array.copy()
    pixels[3, :8] = 5000  # of twelve bits
    data.PixelData = pixels.tobytes()


REFUSED = {
    'bits': (bits, r'1.dcm, frame 4: its voxels take more bits than its BitsStored, 12'),
    'rows': (rows, r'1.dcm: its pixel data have 20480 bytes, by its frames, Rows and Columns 1'),
    'groups': (groups, r'1.dcm: its functional groups or its frames are damaged. Download'),
    'place': (place, r'1.dcm: its functional groups or its frames are damaged'),
    'twice': (twice, r'1.dcm, frame [45]: it is at the same position as 1.dcm, frame [45]: they'),
    'short': (short, r'1.dcm: its pixel data have 19980 bytes, by its frames, Rows and'),
    'deflated': (deflated, r'1.dcm: it is an enhanced multi-frame CT, deflated. Export it'),
}  # fmt: skip


@pytest.mark.parametrize('damage', REFUSED)
def test_refused(slices, folder, capfd, damage):
    spoil, message = REFUSED[damage]
    data = write(slices, folder)
    spoil(data)
    data.save_as(folder / '1.dcm')
    with pytest.raises(VolumeError, match=message):
        read_hu(folder)
    assert not capfd.readouterr().err  # highdicom would name the path


def test_a_damaged_frame(slices, folder):
    """Of compressed frames each says its size; what ends early is refused."""
    write(slices, folder, JPEGLSLossless)
    content = (folder / '1.dcm').read_bytes()
    (folder / '1.dcm').write_bytes(content[:-700])
    with pytest.raises(VolumeError, match=r'^1.dcm(, frame \d)?: '):
        read_hu(folder)
