from __future__ import annotations

import struct

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

PIXEL_DATA = 0x7FE00010
TRANSFER_SYNTAX = 0x00020010
META = 132  # where the elements start: after the preamble and its four letters
UNKNOWN = 0xFFFFFFFF  # length of a sequence that has an end mark instead

_HEAD = struct.Struct('<HH2sH')  # group, element, VR, length
_LENGTH = struct.Struct('<L')
_LONG = {vr.encode() for vr in EXPLICIT_VR_LENGTH_32}
_ALL = {bytes((a, b)) for a in range(65, 91) for b in range(65, 91)}
_OTHER = (ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


def plain_elements(start: bytes) -> tuple[dict[int, bytes], int] | None:
    """The elements before the voxels, of the usual kind of file, ten times as fast as pydicom.

    Args:
        start: First bytes of a DICOM file.

    Returns:
        tuple[dict[int, bytes], int] | None: Values by tag, as they are in the file, and where the
        voxels start. None where this is not for sure: the values are not explicit and little
        endian, a sequence's length is unknown, or the voxels lie further on or are missing. Then
        pydicom must read the file.
    """
    elements, position = {}, META
    while position + 12 <= len(start):
        group, number, vr, length = _HEAD.unpack_from(start, position)
        position += 8
        if vr in _LONG:
            (length,) = _LENGTH.unpack_from(start, position)
            position += 4
        tag = group << 16 | number
        if tag == PIXEL_DATA:
            syntax = elements.get(TRANSFER_SYNTAX, b'').decode('latin-1').strip(' \0')
            return (elements, position) if syntax and syntax not in _OTHER else None
        if vr not in _ALL or length == UNKNOWN:
            return None
        elements[tag] = start[position : position + length]
        position += length
    return None
