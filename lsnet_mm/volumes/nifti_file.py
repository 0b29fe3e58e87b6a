"""One NIfTI file: what it is by its first bytes, and its header; no name of it is believed."""

import gzip
import logging
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.imageglobals import logger

from .volume import VolumeError, public_name

#: How the names of files end that are taken for volumes; what they are their first bytes say.
NIFTI = re.compile(r'\.nii(\.gz)?$', re.IGNORECASE)
GZIP = b'\x1f\x8b'
#: What a header begins with: of version 2, or of version 1, whose end tells.
MAGIC = re.compile(rb'.{4}n[i+]2\0|.{344}n[i+]1\0', re.DOTALL)
#: In bytes, with all extensions.
LONGEST_HEADER = 2**24
#: Millimetres of NIfTI's units of length, by their code: not said, metre, mm, micron.
UNITS = {0: 1.0, 1: 1e3, 2: 1.0, 3: 1e-3}
NO_NIFTI = 'the file is no NIfTI volume, or truncated'
AGAIN = 'Download or unpack it again'


def is_nifti(path: Path) -> bool:
    """Whether a file should be a NIfTI volume, by its name or its first bytes.

    So that whoever reads it says what is wrong, a half of a pair, a pipe of such a name and a link
    to nowhere are, too.

    Args:
        path: Any; a pipe is not waited for.

    Raises:
        OSError: If it cannot be read from the disk.
    """
    named = NIFTI.search(path.name) is not None
    if named or not path.is_file():
        return named and not path.is_dir()
    if _is_half(path):
        return True
    try:
        with open_file(path) as file:
            return bool(MAGIC.match(file.read(nib.Nifti1Header.sizeof_hdr)))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False


def _is_half(path: Path) -> bool:
    """Of the voxels of a pair nothing tells but the header beside them."""
    return path.suffix.lower() == '.img' and path.with_suffix('.hdr').is_file()


def _half(where: str) -> VolumeError:
    reason = 'it is one half of a pair, of header (.hdr) and voxels (.img)'
    return VolumeError(where, reason, 'Save the volume as one .nii file')


def open_file(path: Path):
    """Open by content; what is no regular file might make us wait for ever."""
    if not path.is_file():
        raise VolumeError(public_name(path), 'it is no file, or not there', AGAIN)
    if _is_half(path):
        raise _half(public_name(path))
    with path.open('rb') as file:
        packed = file.read(len(GZIP)) == GZIP
    return (gzip.open if packed else open)(path, 'rb')


def read_image(file, where: str) -> nib.Nifti1Image:
    """NIfTI-1 or NIfTI-2, of which nothing but the header is read."""
    start = file.read(nib.Nifti2Header.sizeof_hdr)
    file.seek(0)
    if start[344:348] == b'ni1\0' or start[4:8] == b'ni2\0':
        raise _half(where)
    if not MAGIC.match(start):
        raise VolumeError(where, NO_NIFTI, AGAIN)
    second = nib.Nifti2Header.sizeof_hdr.to_bytes(4, 'little')
    kind = nib.Nifti2Image if start[:4] in (second, second[::-1]) else nib.Nifti1Image
    # As it is stored: nibabel would put contradictions right by a guess.
    header = kind.header_class(start[: kind.header_class.sizeof_hdr], check=False)
    _check_content(header, where)
    if header['vox_offset'] > LONGEST_HEADER:  # nibabel would read all that is before them
        raise VolumeError(where, f'its voxels begin at byte {header["vox_offset"]:.3g}', AGAIN)
    return kind.from_stream(file)


def _check_content(header: nib.Nifti1Header, where: str) -> None:
    dtype = header.get_data_dtype()
    if dtype.kind not in 'iuf':
        reason = f'its voxels are {dtype}, colours or complex numbers'
        raise VolumeError(where, reason, 'Export the volume in HU, one number a voxel')
    if 8 * dtype.itemsize != header['bitpix']:
        reason = f'its header contradicts itself: {dtype} voxels of {header["bitpix"]} bits'
        raise VolumeError(where, reason, 'Export it again')
    if np.isinf(header['scl_slope']) or np.isinf(header['scl_inter']):
        raise VolumeError(where, 'its slope or intercept is infinite', 'Export it again')


def shape_of(header: nib.Nifti1Header, where: str) -> tuple[int, ...]:
    """(X, Y, Z), without axes of length 1 that follow."""
    shape = tuple(map(int, header.get_data_shape()))
    if len(shape) < 3 or min(shape) < 1 or max(shape[3:], default=1) > 1:
        reason = f'it holds an array of shape {shape}, not (x, y, slices)'
        raise VolumeError(where, reason, 'Split it into 3D volumes')
    return shape[:3]


def millimetres(header: nib.Nifti1Header) -> float:
    """The file's unit of length in mm; where it is none that there is, mm."""
    return UNITS.get(int(header['xyzt_units']) & 7, 1.0)


@contextmanager
def quiet() -> Iterator[None]:
    """Without what nibabel prints of odd headers, which names no file."""
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
