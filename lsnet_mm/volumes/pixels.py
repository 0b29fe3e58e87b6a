"""Stored values of one DICOM slice, decoded in a process that a decoder may take with it."""

import io
import math
import os
import pickle
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, suppress

import numpy as np
from pydicom.encaps import generate_frames
from pydicom.uid import UID, JPEG2000TransferSyntaxes, RLELossless

from .dicom_file import quiet, read_dicom
from .frames import frame_opener
from .header import SliceHeader
from .memory import check_memory
from .volume import RELOAD, VolumeError

ORIGINAL = 'Export the series as the scanner made it, in HU'
DAMAGED = 'the file is truncated or damaged'
#: Seconds that a slice may take to be decoded; usual are some hundredths.
PATIENCE = 120
# SOF0 to SOF15 without the tables DHT, JPG and DAC among them; SOF55 is JPEG-LS.
_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_CHILD = 'from lsnet_mm.volumes.pixels import _serve; _serve()'


def read_pixels(headers: Sequence[SliceHeader]) -> Iterator[np.ndarray]:
    """Stored values of slices, as their headers say that they lie there.

    Decoders are native code, and what is damaged may abort or hang the process. So compressed
    slices are read in another one.

    Args:
        headers: Of the files, in any order.

    Yields:
        np.ndarray: Integers (rows, columns), one slice after another.

    Raises:
        VolumeError: If a file is damaged, does not fit its header, or cannot be decoded; if all
            together are too large, before one is read.
    """
    voxels = sum(math.prod(header.shape) for header in headers)
    check_memory(f'a series of {len(headers)} files', voxels, np.dtype(np.int16).itemsize)
    opened = frame_opener()
    with _Child(headers) as child:
        for header in headers:
            yield child.read(header) if header.compressed else _read(header, opened)


class _Child:
    """A process that reads slices in turn; not started where none is compressed.

    It is no worker of :mod:`multiprocessing`, which would run a user's script once more.
    """

    def __init__(self, headers: Sequence[SliceHeader]):
        self.process = None
        if any(header.compressed for header in headers):
            paths = os.pathsep.join(path for path in sys.path if path)
            command = [sys.executable, '-c', _CHILD]
            streams = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            environment = {**os.environ, 'PYTHONPATH': paths}
            self.process = subprocess.Popen(command, env=environment, **streams)

    def __enter__(self) -> '_Child':
        return self

    def __exit__(self, *_) -> None:
        if self.process:
            self.process.kill()
            with suppress(OSError):
                self.process.stdin.close()
            self.process.stdout.close()
            self.process.wait()

    def read(self, header: SliceHeader) -> np.ndarray:
        clock = threading.Timer(PATIENCE, self.process.kill)
        clock.start()
        try:
            pickle.dump(header, self.process.stdin)
            self.process.stdin.flush()
            found = pickle.load(self.process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            reason = 'its pixel data are damaged: the decoder crashed or came to no end'
            raise VolumeError(header.name, reason, RELOAD) from error
        finally:
            clock.cancel()
        if isinstance(found, Exception):
            raise found
        return found


def _serve() -> None:
    """Read what is asked for, until nobody asks: the other end of the child."""
    answers = os.fdopen(os.dup(1), 'wb')
    os.dup2(2, 1)  # what decoders print is no answer
    opened = frame_opener()
    with suppress(EOFError, OSError):
        while True:
            header = pickle.load(sys.stdin.buffer)
            try:
                found = _read(header, opened)
            except (VolumeError, MemoryError) as error:
                found = error
            pickle.dump(found, answers, protocol=5)
            answers.flush()


def _read(header: SliceHeader, opened: Callable) -> np.ndarray:
    where = header.name
    try:
        with quiet():
            if header.frame is not None:
                return _decode_frame(header, opened(header.path), where)
            return _decode(header, where)
    except (VolumeError, KeyboardInterrupt, MemoryError):
        raise
    except (RuntimeError, AttributeError, NotImplementedError) as error:
        reason = 'its encoding cannot be decoded, or it is damaged'
        fix = "Install the decoders, pip install 'lsnet_mm[dicom]', or download it again"
        raise VolumeError(where, reason, fix) from error
    except BaseException as error:  # decoders have errors of their own; some are no Exception
        raise VolumeError(where, DAMAGED, RELOAD) from error


def _decode(header: SliceHeader, where: str) -> np.ndarray:
    rows, columns = header.shape
    allocated = header.bits[0] // 8
    size = rows * columns * allocated
    data = read_dicom(header.path, size)
    if 'PixelData' not in data:
        raise VolumeError(where, 'the file has no pixel data', RELOAD)
    stored = data['PixelData']
    if header.compressed != stored.is_undefined_length:
        reason = 'its pixel data are not in the encoding that its header names'
        raise VolumeError(where, reason, RELOAD)
    if header.compressed:
        [frame] = generate_frames(stored.value, number_of_frames=1)
        _check_frame(frame, data.file_meta.TransferSyntaxUID, header, where)
    elif len(stored.value) < size:
        raise VolumeError(where, DAMAGED, RELOAD)
    elif len(stored.value) > size + 1:  # padded to an even length
        reason = f'its pixel data have {len(stored.value)} bytes, by its Rows and Columns {size}'
        raise VolumeError(where, reason, RELOAD)
    data.pixel_array_options(correct_unused_bits=False)
    values = data.pixel_array
    if values.shape != header.shape:
        raise VolumeError(where, f'its pixel data are {values.shape} by their decoder', RELOAD)
    return _without_unused_bits(values, header, where)


def _without_unused_bits(values: np.ndarray, header: SliceHeader, where: str) -> np.ndarray:
    """Where they hold neither nothing nor the sign, BitsStored is not that of the voxels, and what
    pydicom cuts off, by default, is a part of the numbers. Padding may be beyond.
    """
    stored = header.bits[1]
    unused = 8 * values.itemsize - stored
    cut = (values << unused) >> unused
    padding = [np.array(end).astype(values.dtype) for end in header.padding if end is not None]
    beyond = (cut != values) & ((values < 0) | (values >> stored != 0))
    if (beyond & ~np.isin(values, padding)).any():
        reason = f'its voxels take more bits than its BitsStored, {stored}'
        fix = 'Correct that, or remove what is drawn into the unused bits'
        raise VolumeError(where, reason, fix)
    return np.where(beyond, values, cut)


def _decode_frame(header: SliceHeader, image, where: str) -> np.ndarray:
    """One of an enhanced file, which was opened by highdicom."""
    with redirect_stderr(io.StringIO()):  # it says what it cannot read, with paths
        if header.compressed:
            frame = image.get_raw_frame(header.frame, as_index=True)
            _check_frame(frame, image.file_meta.TransferSyntaxUID, header, where)
        values = image.get_stored_frame(header.frame, as_index=True)
    if values.shape != header.shape:
        raise VolumeError(where, f'its pixel data are {values.shape} by their decoder', RELOAD)
    return _without_unused_bits(values, header, where)


def _check_frame(frame: bytes, syntax: UID, header: SliceHeader, where: str) -> None:
    """An encoded image says its own size: some decoders crash over another one in the header, and
    some fill the slice with what comes first.
    """
    if syntax == RLELossless:
        first, after = struct.unpack('<2I', frame[4:12])
        found, expected = _rle_length(frame[first:after]), header.shape[0] * header.shape[1]
        if found - expected in (0, 1):  # perhaps padded
            return
        reason = f'its pixel data are {found} voxels, by its Rows and Columns {expected}'
        raise VolumeError(where, reason, RELOAD)
    if syntax in JPEG2000TransferSyntaxes:
        start = frame.index(b'\xff\x4f\xff\x51')
        right, low, left, top = struct.unpack('>4I', frame[start + 8 : start + 24])
        bits, shape = (frame[start + 42] & 127) + 1, (low - top, right - left)
    else:
        start = _start_of_frame(frame)
        bits, *shape = struct.unpack('>B2H', frame[start + 4 : start + 9])
    if tuple(shape) != header.shape:
        reason = f'its pixel data are {tuple(shape)}, by its Rows and Columns {header.shape}'
        raise VolumeError(where, reason, RELOAD)
    if bits <= 8:
        raise VolumeError(where, f'its pixel data have {bits} bits, too few for HU', ORIGINAL)


def _start_of_frame(frame: bytes) -> int:
    """Offset of the marker of JPEG and JPEG-LS that is followed by the size of the image."""
    k = 2
    while frame[k + 1] not in _START_OF_FRAME:
        k += 2 + int.from_bytes(frame[k + 2 : k + 4], 'big')
    return k


def _rle_length(segment: bytes) -> int:
    """Bytes that a segment of RLE decodes to (PS3.5, G.3.2); the first one is mostly long runs."""
    total = k = 0
    while k + 1 < len(segment):
        literal = segment[k] < 128
        total += segment[k] + 1 if literal else (257 - segment[k]) % 129
        k += segment[k] + 2 if literal else 2 - (segment[k] == 128)
    return total
