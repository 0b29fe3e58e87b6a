from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.multival import MultiValue
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)

from .plain_elements import plain_elements

_PIXEL_DATA = b'\xe0\x7f\x10\x00'
_TAGS = {
    'MediaStorageSOPClassUID': 0x00020002,
    'TransferSyntaxUID': 0x00020010,
    'ImageType': 0x00080008,
    'SOPClassUID': 0x00080016,
    'Modality': 0x00080060,
    'Manufacturer': 0x00080070,
    'PatientID': 0x00100020,
    'GantryDetectorTilt': 0x00181120,
    'SeriesInstanceUID': 0x0020000E,
    'InstanceNumber': 0x00200013,
    'ImagePositionPatient': 0x00200032,
    'ImageOrientationPatient': 0x00200037,
    'SamplesPerPixel': 0x00280002,
    'NumberOfFrames': 0x00280008,
    'Rows': 0x00280010,
    'Columns': 0x00280011,
    'PixelSpacing': 0x00280030,
    'BitsAllocated': 0x00280100,
    'BitsStored': 0x00280101,
    'PixelRepresentation': 0x00280103,
    'RescaleIntercept': 0x00281052,
    'RescaleSlope': 0x00281053,
}
#: Secondary Capture and its multi-frame kinds: pictures of a screen, such as dose reports.
_CAPTURE = '1.2.840.10008.5.1.4.1.1.7'
# Bytes between the start of the element PixelData and its value, by encoding.
_PREFIX = {ExplicitVRLittleEndian: 12, ImplicitVRLittleEndian: 8}


@dataclass(frozen=True)
class SliceHeader:
    """What must be known of one DICOM file to place it in a series; no voxels.

    Attributes:
        path: The file.
        patient: PatientID.
        series: SeriesInstanceUID.
        modality: Such as ``'CT'``.
        image_type: Parts between backslashes, such as ``'ORIGINAL\\PRIMARY\\AXIAL'``.
        sop_class: UID of the kind of object.
        manufacturer: Of the scanner.
        instance: InstanceNumber; -1 where there is none.
        shape: (rows, columns).
        position: (x, y, z) of the first voxel in mm, towards left, back and head; or None.
        orientation: Directions of a row and of a column, (6,) in the same axes; or None.
        spacing: (between rows, between columns) in mm; or None.
        tilt: Of the gantry, in degrees.
        slope: Of the rescaling to HU.
        intercept: Of the rescaling to HU.
        frames: Images in the file.
        samples: Colour channels.
        offset: Where the voxels start in the file, if they are signed or unsigned 16-bit, as they
            are in memory; else None, and pydicom decodes them.
        signed: Whether the voxels are signed.
    """

    path: Path
    patient: str
    series: str
    modality: str
    image_type: str
    sop_class: str
    manufacturer: str
    instance: int
    shape: tuple[int, int]
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, ...] | None
    tilt: float
    slope: float
    intercept: float
    frames: int
    samples: int
    offset: int | None
    signed: bool

    @classmethod
    def read(cls, path: Path, start: bytes = b'') -> SliceHeader | None:
        """Read the header of a DICOM file.

        Args:
            path: A file that is known to be DICOM.
            start: Its first bytes, if they are at hand: with those of the whole header most files
                are not opened.

        Returns:
            SliceHeader | None: None for a DICOMDIR, which belongs to no series.

        Raises:
            Exception: Whatever pydicom raises for a broken file.
        """
        plain = plain_elements(start)
        get, offset = (plain[0].get, plain[1]) if plain else _by_pydicom(path)
        series = _text(get, 'SeriesInstanceUID')
        if not series:
            if _text(get, 'MediaStorageSOPClassUID') == MediaStorageDirectoryStorage:
                return None
            raise ValueError('the file ends before its SeriesInstanceUID, or has none')
        whole = _short(get, 'BitsAllocated') == _short(get, 'BitsStored') == 16
        whole = whole and _text(get, 'TransferSyntaxUID') in _PREFIX
        return cls(
            path=path,
            patient=_text(get, 'PatientID'),
            series=series,
            modality=_text(get, 'Modality'),
            image_type=_text(get, 'ImageType'),
            sop_class=_text(get, 'SOPClassUID'),
            manufacturer=_text(get, 'Manufacturer'),
            instance=int(_text(get, 'InstanceNumber') or -1),
            shape=(_short(get, 'Rows'), _short(get, 'Columns')),
            position=_decimals(get, 'ImagePositionPatient', 3),
            orientation=_decimals(get, 'ImageOrientationPatient', 6),
            spacing=_decimals(get, 'PixelSpacing', 2),
            tilt=float(_text(get, 'GantryDetectorTilt') or 0),
            slope=float(_text(get, 'RescaleSlope') or 1),
            intercept=float(_text(get, 'RescaleIntercept') or 0),
            frames=int(_text(get, 'NumberOfFrames') or 1),
            samples=_short(get, 'SamplesPerPixel') or 1,
            offset=offset if whole else None,
            signed=_short(get, 'PixelRepresentation') == 1,
        )

    @property
    def kind(self) -> str:
        """``'CT slice'``, or what else lies in the folder of a scan beside its slices."""
        if self.modality != 'CT':
            return f'{self.modality} file' if self.modality else 'file without modality'
        if 'LOCALIZER' in self.image_type.split('\\'):
            return 'localizer'
        return 'screen capture' if self.sop_class.startswith(_CAPTURE) else 'CT slice'

    @property
    def normal(self) -> np.ndarray:
        """Direction (3,) in which slices follow each other."""
        return np.cross(self.orientation[:3], self.orientation[3:])


# Elements are taken as the bytes of the file: pydicom's conversion of their values costs more than
# all the rest of the reading. Those needed here are plain text or unsigned 16-bit numbers.


def _by_pydicom(path: Path) -> tuple[Callable, int | None]:
    """What gives the element of a tag, and where the voxels start if they are not encoded."""
    with path.open('rb') as file:
        data = pydicom.dcmread(file, stop_before_pixels=True)
        end = file.tell()  # pydicom stops before the element of the voxels
        prefix = _PREFIX.get(data.file_meta.get('TransferSyntaxUID'))
        found = prefix is not None and file.read(4) == _PIXEL_DATA

    def get(tag: int) -> pydicom.dataelem.RawDataElement | pydicom.DataElement | None:
        return (data.file_meta if tag >> 16 == 2 else data).get_item(tag)

    return get, end + prefix if found else None


def _text(get: Callable, keyword: str) -> str:
    """Text of an element, parts between backslashes; empty where it is missing or has no value."""
    element = get(_TAGS[keyword])
    value = getattr(element, 'value', element)
    if isinstance(value, MultiValue):  # pydicom has converted it already
        value = '\\'.join(map(str, value))
    text = value.decode('latin-1') if isinstance(value, bytes) else str(value or '')
    return text.strip(' \0')


def _short(get: Callable, keyword: str) -> int:
    element = get(_TAGS[keyword])
    value = getattr(element, 'value', element)
    if isinstance(value, bytes):
        little = getattr(element, 'is_little_endian', True)
        return int.from_bytes(value, 'little' if little else 'big')
    return int(value or 0)


def _decimals(get: Callable, keyword: str, count: int) -> tuple[float, ...] | None:
    """Numbers between backslashes; None unless there are ``count``."""
    numbers = tuple(float(part) for part in _text(get, keyword).split('\\') if part.strip())
    return numbers if len(numbers) == count else None
