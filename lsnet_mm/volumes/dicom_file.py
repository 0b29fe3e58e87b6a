"""One DICOM file, read by pydicom, and what is written in its elements.

Files come from anywhere: no more memory is taken than a header or a slice may need, and a number
is parsed where it is asked for, so that a strange one in an element nobody needs stops nothing.
"""

import io
import logging
import math
import os
import re
import stat
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pydicom
from pydicom.config import disable_value_validation
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

#: Most bytes of a header that is deflated; those of CT have some thousand.
HEADER = 1 << 20
#: Most bytes of a file beside the slice in it.
BESIDE = 1 << 25
#: What pydicom parses out of texts, and fails if one is odd.
_TEXTS = {'CS', 'DS', 'IS', 'LO', 'UI'}
_DEFLATED = b'1.2.840.10008.1.2.1.99'
# Files of before DICOM's preamble begin with an element of group 2 or 8: its VR, or a short length.
_BARE = re.compile(rb'[\x02\x08]\x00.\x00([A-Z]{2}|..\x00\x00)', re.DOTALL)


class _Shared:
    """A context of the whole process: the first thread that enters it sets it up, and the last one
    that leaves takes it down."""

    def __init__(self, context: Callable[[], AbstractContextManager]):
        self.context, self.lock, self.inside = context, threading.Lock(), 0

    def __enter__(self) -> None:
        with self.lock:
            if not self.inside:
                self.stack = ExitStack()
                self.stack.enter_context(self.context())
            self.inside += 1

    def __exit__(self, *_) -> None:
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.stack.close()


@contextmanager
def _no_messages() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.disable(before)


_SILENT, _LENIENT = _Shared(_no_messages), _Shared(disable_value_validation)


@contextmanager
def silent() -> Iterator[None]:
    """Without warnings and logs: pydicom and highdicom quote values, perhaps names or dates."""
    with _SILENT:
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Silent, and values that are odd are taken as they are."""
    with _SILENT, _LENIENT:
        yield


def read_dicom(path: Path, most: int | None = None) -> pydicom.Dataset:
    """Read a file, with or without a preamble, deflated or not.

    Args:
        path: The file.
        most: Bytes of its pixel data as they should be. Without it they are left out.

    Returns:
        pydicom.Dataset: With a ``TransferSyntaxUID``, if the file says or shows which.

    Raises:
        InvalidDicomError: If it is no DICOM file, nor any regular file.
        OSError: If it cannot be read from the disk.
        Exception: Anything, from pydicom, if it is damaged or larger than it may be.
    """
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        raise InvalidDicomError('a pipe would be waited for, without end')
    if most is not None and info.st_size > 2 * most + BESIDE:
        raise ValueError('the file is larger than its header allows')
    with _File(io.FileIO(path)) as file, quiet():
        start = file.read(4096)
        bare = start[128:132] != b'DICM'
        if bare and not _BARE.match(start):
            raise InvalidDicomError('neither a preamble nor a first element')
        file.seek(0)
        content = file
        if _DEFLATED in start and not bare:
            content = io.BytesIO(_inflate(file, HEADER + (most or 0), whole=most is not None))
        data = pydicom.dcmread(content, stop_before_pixels=most is None, force=bare)
        if bare and 'SOPClassUID' not in data and 'Modality' not in data:
            raise InvalidDicomError('other bytes that begin like an element')
        if not data.file_meta.get('TransferSyntaxUID'):
            implicit, little = data.original_encoding
            if little and not _is_encapsulated(data):
                native = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
                data.file_meta.TransferSyntaxUID = native
    return data


class _File(io.BufferedReader):
    """Takes no more memory than it has bytes, however many a damaged length asks for."""

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > HEADER:
            size = min(size, os.fstat(self.fileno()).st_size)
        return super().read(size)


def _inflate(file: io.BufferedIOBase, most: int, whole: bool) -> bytes:
    """A deflated file as if it had never been; pydicom would inflate gigabytes for a header."""
    file.seek(132)
    read_dataset(file, False, True, stop_when=lambda tag, *_: tag.group != 2)
    length = file.tell()  # of the preamble and group 2, which need not tell its own
    file.seek(0)
    meta = file.read(length).replace(_DEFLATED, ExplicitVRLittleEndian.encode().ljust(22, b'\0'))
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    body = stream.decompress(file.read(most), most)
    if whole and not stream.eof:
        raise ValueError('the file is truncated, or inflates to more than its header allows')
    return meta + body


def _is_encapsulated(data: pydicom.Dataset) -> bool:
    return 'PixelData' in data and data['PixelData'].is_undefined_length


def text(data: pydicom.Dataset, keyword: str) -> str:
    """An element as it is written, without padding; '' where there is none."""
    return '\\'.join(_values(data, keyword)).strip()


def numbers(data: pydicom.Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Values of an element; None unless there are ``count``, and all are finite."""
    values = tuple(map(_number, _values(data, keyword)))
    return values if len(values) == count and all(map(math.isfinite, values)) else None


def number(data: pydicom.Dataset, keyword: str) -> float | None:
    """The value of an element: NaN if that is no single number, None if there is none."""
    values = _values(data, keyword)
    if not any(values):
        return None
    return _number(values[0]) if len(values) == 1 else math.nan


def integer(data: pydicom.Dataset, keyword: str) -> int | None:
    """The value of an element, None unless it is one whole number."""
    value = number(data, keyword)
    return int(value) if value is not None and math.isfinite(value) and value % 1 == 0 else None


def _values(data: pydicom.Dataset, keyword: str) -> list[str]:
    if keyword not in data:
        return []
    element = data.get_item(keyword)
    if isinstance(element, RawDataElement) and dictionary_VR(element.tag) in _TEXTS:
        return [
            value.strip(' \0') for value in (element.value or b'').decode('latin-1').split('\\')
        ]
    value = data[keyword].value
    several = value if isinstance(value, MultiValue) else [value]
    return [str(one).strip(' \0') for one in several if one is not None]


def _number(written: str) -> float:
    """NaN if it is none. A comma is a point: some writers write as their country does."""
    try:
        return float(written.replace(',', '.'))
    except ValueError:
        return math.nan
