"""The short way through a header: it says what pydicom says, or nothing."""

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from lsnet_mm.phantom import write_download
from lsnet_mm.volumes import SliceHeader
from lsnet_mm.volumes.plain_elements import PIXEL_DATA, plain_elements

CHARSET = 0x00080005  # which pydicom converts at once


@pytest.fixture
def make_file(tmp_path):
    def make(syntax=ExplicitVRLittleEndian):
        out = tmp_path / syntax
        write_download(out, 1, (40, 32, 8), withdrawn=False, transfer_syntax=syntax)
        return sorted(out.rglob('*.dcm'))[3]

    return make


@pytest.mark.parametrize('syntax', [ExplicitVRLittleEndian, RLELossless])
def test_values_are_those_of_pydicom(make_file, syntax):
    path = make_file(syntax)
    content = path.read_bytes()
    elements, position = plain_elements(content)
    data = pydicom.dcmread(path)
    ours = {tag: value for tag, value in elements.items() if tag >> 16 != 2}
    theirs = {int(tag): raw.value for tag, raw in data.items() if tag != PIXEL_DATA}
    assert ours.keys() == theirs.keys()
    assert all(value == (theirs[tag] or b'') for tag, value in ours.items() if tag != CHARSET)
    if syntax == ExplicitVRLittleEndian:
        assert content[position:] == data.PixelData
    assert SliceHeader.read(path, content) == SliceHeader.read(path)


@pytest.mark.parametrize('syntax', [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_encodings_are_left_to_pydicom(make_file, syntax):
    path = make_file(syntax)
    assert plain_elements(path.read_bytes()) is None
    assert SliceHeader.read(path, path.read_bytes()).shape == (32, 40)


def test_big_endian(make_file):
    path = make_file()
    data = pydicom.dcmread(path)
    turned = Dataset({element.tag: element for element in data})
    turned.file_meta = data.file_meta
    turned.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    turned.save_as(path, enforce_file_format=True)
    assert plain_elements(path.read_bytes()) is None
    assert SliceHeader.read(path, path.read_bytes()).shape == (32, 40)


@pytest.mark.parametrize('undefined', [False, True])
def test_sequences(make_file, undefined):
    """One of known length is stepped over; where only a mark ends it, pydicom must look for it."""
    path = make_file()
    data = pydicom.dcmread(path)
    inner = Dataset()
    inner.Rows = 7
    data.private_block(0x9, 'SOMEONE', create=True).add_new(0x1, 'SQ', [inner])
    data[0x9, 0x1001].is_undefined_length = undefined
    data.save_as(path)
    content = path.read_bytes()
    assert (plain_elements(content) is None) == undefined
    assert SliceHeader.read(path, content) == SliceHeader.read(path)
    assert SliceHeader.read(path, content).shape == (32, 40)


def test_a_header_that_ends_early(make_file):
    content = make_file().read_bytes()
    _, position = plain_elements(content)
    assert all(plain_elements(content[:n]) is None for n in range(position))
