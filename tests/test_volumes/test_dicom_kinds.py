"""Kinds of damage and oddity in DICOM series: read as pydicom does, or the file is named."""

import logging
import os
import shutil
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pydicom
import pytest
from downloads import Download
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from lsnet_mm.experiments.phantom import downloaded_case, write_download
from lsnet_mm.volumes import VolumeError, ct_series, find_series, read_hu
from lsnet_mm.volumes.header import read_header

SHAPE = (40, 32, 8)
HU = downloaded_case(0, 1, SHAPE)[0]


@pytest.fixture
def series(tmp_path):
    return Download(write_download(tmp_path / 'download', 1, SHAPE, withdrawn=False))


def every(d, **values):
    for k in range(len(d.files)):
        d.edit(k, **values)


def write(d, k, key, text):
    """An element as no writer would: pydicom checks what it is given."""
    data = pydicom.dcmread(d.files[k])
    with pydicom.config.disable_value_validation():
        element = pydicom.DataElement(key, 'LO', text)
    element.VR = 'LO'
    data[key] = element
    data.save_as(d.files[k])


def unsigned(d):
    """As most scanners store it: HU + 1024, twelve bits."""
    for k, path in enumerate(d.files):
        stored = (pydicom.dcmread(path).pixel_array.astype(int) + 1024).clip(0, 4095)
        d.edit(k, PixelData=stored.astype('<u2').tobytes(), PixelRepresentation=0, BitsStored=12,
               HighBit=11, RescaleIntercept='-1024')  # fmt: skip


def some_unscaled(d):
    unsigned(d)
    d.edit(3, RescaleIntercept=None)


def sheared(d):
    every(d, ImageOrientationPatient=[1, 0, 0, 0.2, -1, 0])


def metres(d):
    d.move(range(8), lambda x, y, z: [x / 1000, y / 1000, z / 1000])


def capped(d):
    d.files[-1].write_bytes(d.files[-1].read_bytes()[:100])
    for path in d.files:
        path.rename(path.with_name(path.name.replace('.dcm', '').replace('1-', 'IM')))


def phases(d):
    for k, path in enumerate(list(d.files)):
        d.edit(k, AcquisitionNumber=1)
        data = pydicom.dcmread(path)
        data.AcquisitionNumber, data.SOPInstanceUID = 2, generate_uid()
        data.save_as(path.with_name(path.name.replace('1-', '2-')))


def lut(d):
    table = pydicom.Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [4096, 0, 16], 'HU'
    d.edit(2, ModalityLUTSequence=[table])


def too_few_bits(d):
    unsigned(d)
    every(d, BitsStored=10, HighBit=9)


REFUSED = {
    'fewer bits than voxels take': (too_few_bits, '1-001.dcm: its voxels take more bits than its'),
    'scale of some slices': (some_unscaled, '1-004.dcm: its RescaleIntercept is none, of most'),
    'slope 0': (lambda d: d.edit(2, RescaleSlope='0'), '1-003.dcm: its RescaleSlope is 0.0'),
    'slope < 0': (lambda d: every(d, RescaleSlope='-1'), '1-001.dcm: its RescaleSlope is -1.0'),
    'slope inf': (lambda d: write(d, 2, 'RescaleSlope', 'inf'), '1-003.dcm: its RescaleSlope is'),
    'intercept NaN': (lambda d: write(d, 2, 'RescaleIntercept', 'NaN'), '1-003.dcm: its RescaleI'),
    '8 bits': (
        lambda d: every(d, BitsAllocated=8, BitsStored=8, HighBit=7),
        '1-001.dcm: its voxels have 8 bits, too few for HU',
    ),
    'high bit': (lambda d: d.edit(2, BitsStored=12), '1-003.dcm: its HighBit is 15, of 12'),
    'no sign': (lambda d: d.edit(2, PixelRepresentation=None), '1-003.dcm: it has no PixelRepr'),
    'other unit': (lambda d: every(d, RescaleType='OD'), '1-001.dcm: its RescaleType is not HU'),
    'table': (lut, '1-003.dcm: it maps its voxels by a ModalityLUTSequence'),
    'position NaN': (
        lambda d: write(d, 2, 'ImagePositionPatient', ['0', '0', 'NaN']),
        '1-003.dcm: it has no ImagePositionPatient of 3 finite numbers',
    ),
    'sheared': (sheared, '1-001.dcm: its ImageOrientationPatient is no two directions'),
    'not of length 1': (
        lambda d: every(d, ImageOrientationPatient=[2, 0, 0, 0, -2, 0]),
        '1-001.dcm: its ImageOrientationPatient is no two directions',
    ),
    'negative spacing': (lambda d: every(d, PixelSpacing=[-1, 1]), '1-001.dcm: its PixelSpacing'),
    'positions in metres': (metres, r'8 files: its slices are 0\.0\d+ mm apart'),
    'too many rows': (lambda d: every(d, Rows=31), '1-001.dcm: its pixel data have 2560 bytes, by'),
    'too few rows': (lambda d: every(d, Rows=33), '1-001.dcm: the file is truncated'),
    'a gigantic slice': (lambda d: every(d, Rows=65535, Columns=65535), 'its Rows and Columns are'),
    'an intercept of HU': (
        lambda d: [write(d, k, 'RescaleIntercept', '-1024,0') for k in range(8)],
        'values from .* are no HU',
    ),
    'end of another series': (
        lambda d: d.edit(7, SeriesInstanceUID='1.2.3'),
        '1-008.dcm: the file continues the slices and has another SeriesInstanceUID',
    ),
    'end of another modality': (
        lambda d: d.edit(0, Modality='OT'),
        '1-001.dcm: the file continues the slices and has another Modality',
    ),
    'truncated end without a name': (capped, 'IM008: the file is no DICOM file|8 of 8: the file'),
    'two phases': (phases, '16 files: 8 of its slices lie at the places of .* AcquisitionNumber'),
    'copies': (
        lambda d: shutil.copytree(d.files[0].parent, d.root / 'again'),
        '16 files: 8 of its slices lie at the places of others: they are copies',
    ),
}  # fmt: skip


@pytest.mark.parametrize('damage, message', REFUSED.values(), ids=REFUSED)
def test_refused(series, damage, message):
    damage(series)
    with pytest.raises(VolumeError, match=message):
        read_hu(series.root)


def headless(d):
    for path in d.files:
        path.write_bytes(path.read_bytes()[132:])


def comma(d):
    unsigned(d)
    for k in range(8):
        write(d, k, 'RescaleIntercept', '-1024,0')


def own_uids(d):
    for k in range(8):
        d.edit(k, SeriesInstanceUID=generate_uid())


def linked(d):
    target = d.root.with_name('elsewhere')
    shutil.move(d.files[0].parent, target)
    d.root.joinpath('link').symlink_to(target)
    d.root.joinpath('link again').symlink_to(target)
    target.joinpath('circle').symlink_to(d.root)


def hidden(d):
    store = d.files[0].parent.with_name('.store')
    shutil.move(d.files[0].parent, store)
    store.with_name('scan').symlink_to(store)


def named(d):
    """A slice whose name has no number, beside a file whose name has none."""
    d.files[0].rename(d.files[0].with_name('first.dcm'))
    d.files[0].with_name('LICENSE').write_text('CC BY 3.0')


def deflated(d):
    """Without the length of group 2, which not all writers tell."""
    for path in d.files:
        data = pydicom.dcmread(path)
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        del data.file_meta.FileMetaInformationGroupLength
        data.save_as(path)


READ = {
    'deflated': deflated,
    'without preamble': headless,
    'empty UID': lambda d: every(d, SeriesInstanceUID=''),
    'a UID for every slice': own_uids,
    'InstanceNumber is text': lambda d: [write(d, k, 'InstanceNumber', 'abc') for k in range(8)],
    'tilt is text': lambda d: [write(d, k, 'GantryDetectorTilt', 'none') for k in range(8)],
    'tilted by nothing': lambda d: every(d, GantryDetectorTilt='0.001'),
    'decimal comma': lambda d: [write(d, k, 'RescaleIntercept', '0,0') for k in range(8)],
    'decimal comma that counts': comma,
    'a secondary capture': lambda d: every(d, SOPClassUID='1.2.840.10008.5.1.4.1.1.7'),
    'stored without a sign': unsigned,
    'signed HU without a scale': lambda d: every(d, RescaleSlope=None, RescaleIntercept=None),
    'linked': linked,
    'linked to a hidden folder': hidden,
    'a name without a number': named,
}


@pytest.mark.parametrize('oddity', READ.values(), ids=READ)
def test_read(series, oddity):
    oddity(series)
    np.testing.assert_array_equal(read_hu(series.root).voxels, HU)


def test_positions_rounded_to_a_tenth(series):
    """Slices of 0.625 mm, as text of one decimal: the steps are 0.6 and 0.7."""
    for k in range(8):
        series.edit(k, ImagePositionPatient=['0', '0', f'{-0.625 * k:.1f}'])
    volume = read_hu(series.root)
    assert volume.spacing[2] == pytest.approx(0.625, abs=0.1 / 7)
    np.testing.assert_array_equal(volume.voxels, HU)
    series.files[4].unlink()
    assert '1-006.dcm: 1 slice(s) missing' in str(read_hu(series.root).irregular)


def test_padding_of_the_wrong_sign_takes_no_tissue(series):
    """-2000 to 0 where voxels have no sign: 63536 to 0 is no range of them."""
    unsigned(series)
    for path in series.files:
        data = pydicom.dcmread(path)
        data.add_new('PixelPaddingValue', 'SS', -2000)
        data.add_new('PixelPaddingRangeLimit', 'SS', 0)
        data.save_as(path)
    np.testing.assert_array_equal(read_hu(series.root).voxels, HU.clip(-1024))


@pytest.mark.parametrize('sign, value, bits', [(1, -32768, 16), (0, 63536, 16), (0, 63536, 12)])
def test_padding_is_air(series, sign, value, bits):
    """Also where it takes more bits than the voxels."""
    for k in range(8):
        stored = HU[..., k].T.astype(int) + 1024
        stored[:5] = value
        kind = '<i2' if sign else '<u2'
        data = pydicom.dcmread(series.files[k])
        data.PixelData, data.PixelRepresentation = stored.astype(kind).tobytes(), sign
        data.RescaleIntercept, data.BitsStored, data.HighBit = '-1024', bits, bits - 1
        data.add_new('PixelPaddingValue', 'SS' if sign else 'US', value)
        data.save_as(series.files[k])
    voxels = read_hu(series.root).voxels
    assert (voxels[:, :5] == -1024).all()
    np.testing.assert_array_equal(voxels[:, 5:], HU[:, 5:])


def test_compressed_slices_of_another_size(series):
    """RLE, JPEG 2000 and JPEG-LS whose codestream is not what the header says."""
    rle = zlib.compress(b'')  # no codestream at all
    j2k = b'\xff\x4f\xff\x51' + struct.pack('>2H4I', 47, 0, 40, 99, 0, 0) + bytes(30)
    jls = b'\xff\xd8\xff\xf7' + struct.pack('>HB2H', 11, 16, 99, 40) + bytes(30)
    for syntax, frame in ((RLELossless, rle), (JPEG2000Lossless, j2k), (JPEGLSLossless, jls)):
        for path in series.files:
            data = pydicom.dcmread(path)
            data.file_meta.TransferSyntaxUID = syntax
            data.PixelData = encapsulate([frame])
            data['PixelData'].is_undefined_length = True
            data.save_as(path)
        with pytest.raises(VolumeError, match='^1-001.dcm: '):
            read_hu(series.root)


def test_a_decoder_that_kills_its_process(series, monkeypatch):
    """And one that comes to no end."""
    for path in series.files:
        data = pydicom.dcmread(path)
        data.compress(RLELossless)
        data.save_as(path)
    np.testing.assert_array_equal(read_hu(series.root).voxels, HU)
    from lsnet_mm.volumes import pixels

    monkeypatch.setattr(pixels, '_CHILD', 'import os, sys; sys.stdin.buffer.read(9); os.abort()')
    with pytest.raises(VolumeError, match='1-001.dcm: .* the decoder crashed or came to no end'):
        read_hu(series.root)
    monkeypatch.setattr(pixels, '_CHILD', 'import time; time.sleep(600)')
    monkeypatch.setattr(pixels, 'PATIENCE', 1)
    with pytest.raises(VolumeError, match='1-001.dcm: .* the decoder crashed or came to no end'):
        read_hu(series.root)


def test_a_syntax_that_is_not_the_one_in_the_file(series):
    content = series.files[2].read_bytes()
    old, new = b'1.2.840.10008.1.2.1\0', f'{ExplicitVRBigEndian}\0'.encode()
    assert old in content
    series.files[2].write_bytes(content.replace(old, new))
    with pytest.raises(VolumeError, match='^1-003.dcm: '):
        read_hu(series.root)


def test_a_bomb_is_not_inflated(series):
    """Two gigabytes of zeros behind a header: searching stays below some megabytes."""
    tracemalloc = pytest.importorskip('tracemalloc')
    path = series.files[2]
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(path)
    head = path.read_bytes()
    end = 144 + int.from_bytes(head[140:144], 'little')
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = zlib.decompress(head[end:], -zlib.MAX_WBITS)
    packed = packer.compress(body) + b''.join(packer.compress(bytes(1 << 24)) for _ in range(16))
    path.write_bytes(head[:end] + packed + packer.flush())
    tracemalloc.start()
    found, broken = find_series(series.root)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 1 and not broken and peak < 1 << 24
    with pytest.raises(VolumeError, match='^1-003.dcm: '):
        read_hu(series.root)


def test_a_damaged_length_takes_no_memory(series):
    """Python sets aside all that is asked for before it looks whether it is there."""
    tracemalloc = pytest.importorskip('tracemalloc')
    content = series.files[2].read_bytes()
    series.files[2].write_bytes(content + struct.pack('<2H2s2xI', 0x7FE1, 1, b'OB', 2**32 - 2))
    tracemalloc.start()
    np.testing.assert_array_equal(read_hu(series.root).voxels, HU)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 24


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no pipes')
def test_a_pipe_is_not_waited_for(series):
    os.mkfifo(series.files[0].with_name('9-001.dcm'))
    os.mkfifo(series.files[0].with_name('pipe'))
    _, broken = find_series(series.root)
    assert [(file.path.name, file.reason) for file in broken] == [
        ('9-001.dcm', 'is no DICOM file, in spite of its name')
    ]


def test_one_sentence_a_folder(series):
    for path in series.files:
        path.write_bytes(path.read_bytes()[:700])
    _, [one] = find_series(series.root)
    assert one.reason == 'has a broken or truncated DICOM header, as 7 more beside it'


def test_what_differs_is_said_in_words(series):
    data = pydicom.dcmread(series.files[2])
    data.add_new('PixelPaddingValue', 'SS', 100)
    data.save_as(series.files[2])
    with pytest.raises(
        VolumeError, match='PixelPaddingValue.* is 100 and none, of most .* none and'
    ):
        read_hu(series.root)


def test_a_date_among_numbers_is_not_repeated(series):
    every(series, PixelSpacing=[19520229, 1])
    with pytest.raises(VolumeError, match=r'1-001.dcm: its PixelSpacing is \(a date, 1.0\)'):
        read_hu(series.root)


def test_a_modality_is_not_repeated(series):
    """It may hold anything; nothing else of a single image beside the slices is lost."""
    write(series, 0, 'Modality', 'JANE\x1b[2J')
    series.edit(0, ImagePositionPatient=[0, 0, 500])
    _, left_out = ct_series(find_series(series.root)[0])
    assert left_out == {'file of another modality': 1}


def test_threads_leave_logging_as_it_was(series):
    """Headers are read by many threads of a server; none may switch off its logs for good."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(read_header, series.files * 20))
    assert logging.root.manager.disable == logging.NOTSET
    assert pydicom.config.settings.reading_validation_mode == pydicom.config.WARN
