"""DICOM series on a disk: which files belong together, whatever their folders and names."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.config import disable_value_validation
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.uid import MediaStorageDirectoryStorage

#: Secondary Capture and its multi-frame kinds: pictures of a screen, such as dose reports.
_CAPTURE = '1.2.840.10008.5.1.4.1.1.7'
#: All that is read of a header; pydicom steps over the rest.
_KEYWORDS = [
    'ImageType',
    'SOPClassUID',
    'Modality',
    'Manufacturer',
    'PatientID',
    'GantryDetectorTilt',
    'SeriesInstanceUID',
    'InstanceNumber',
    'ImagePositionPatient',
    'ImageOrientationPatient',
    'SamplesPerPixel',
    'NumberOfFrames',
    'Rows',
    'Columns',
    'PixelSpacing',
    'RescaleIntercept',
    'RescaleSlope',
]


@dataclass(frozen=True)
class SliceHeader:
    """What must be known of one DICOM file to place it in a series; no voxels.

    Attributes:
        path: The file.
        patient: PatientID.
        series: SeriesInstanceUID.
        modality: Such as ``'CT'``.
        image_type: Such as ``('ORIGINAL', 'PRIMARY', 'AXIAL')``.
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
    """

    path: Path
    patient: str
    series: str
    modality: str
    image_type: tuple[str, ...]
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

    @classmethod
    def read(cls, path: Path) -> SliceHeader | None:
        """Read the header of a DICOM file.

        Args:
            path: The file.

        Returns:
            SliceHeader | None: None for a DICOMDIR, which belongs to no series.

        Raises:
            InvalidDicomError: If the file is no DICOM.
            Exception: Whatever else pydicom raises for a broken file.
        """
        data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=_KEYWORDS)
        series = _text(data, 'SeriesInstanceUID')
        if not series:
            if data.file_meta.get('MediaStorageSOPClassUID') == MediaStorageDirectoryStorage:
                return None
            raise ValueError('the file ends before its SeriesInstanceUID, or has none')
        return cls(
            path=path,
            patient=_text(data, 'PatientID'),
            series=series,
            modality=_text(data, 'Modality'),
            image_type=tuple(map(str, _parts(data, 'ImageType'))),
            sop_class=_text(data, 'SOPClassUID'),
            manufacturer=_text(data, 'Manufacturer'),
            instance=_whole(data, 'InstanceNumber', -1),
            shape=(_whole(data, 'Rows', 0), _whole(data, 'Columns', 0)),
            position=_numbers(data, 'ImagePositionPatient', 3),
            orientation=_numbers(data, 'ImageOrientationPatient', 6),
            spacing=_numbers(data, 'PixelSpacing', 2),
            tilt=float(data.get('GantryDetectorTilt') or 0),
            slope=float(data.get('RescaleSlope') or 1),
            intercept=float(data.get('RescaleIntercept') or 0),
            frames=_whole(data, 'NumberOfFrames', 1),
            samples=_whole(data, 'SamplesPerPixel', 1),
        )

    @property
    def kind(self) -> str:
        """``'CT slice'``, or what else lies in the folder of a scan beside its slices."""
        if self.modality != 'CT':
            return f'{self.modality} file' if self.modality else 'file without modality'
        if 'LOCALIZER' in self.image_type:
            return 'localizer'
        return 'screen capture' if self.sop_class.startswith(_CAPTURE) else 'CT slice'

    @property
    def normal(self) -> np.ndarray:
        """Direction (3,) in which slices follow each other."""
        return np.cross(self.orientation[:3], self.orientation[3:])


@dataclass(frozen=True)
class Series:
    """The files of one series, in no order.

    Attributes:
        headers: One a file, never empty.
    """

    headers: tuple[SliceHeader, ...]

    @property
    def patient(self) -> str:
        return self.headers[0].patient

    @property
    def modality(self) -> str:
        return self.headers[0].modality


@dataclass(frozen=True)
class BrokenFile:
    """A file that should be DICOM, by its name or its first bytes, and cannot be read.

    Attributes:
        path: The file.
        reason: Why, as the end of a sentence about it.
    """

    path: Path
    reason: str


def find_series(folder: Path, map: Callable = map) -> tuple[list[Series], list[BrokenFile]]:
    """Find all series below a folder. Files are DICOM by content; others are passed over.

    Args:
        folder: Where to look, at any depth. Hidden files and folders are left out.
        map: What applies a function to many arguments; that of an executor reads in parallel.

    Returns:
        tuple: The series, by patient and series UID, in this order; and the files named ``.dcm``,
        or starting like DICOM, that cannot be read.
    """
    groups: dict[tuple[str, str], list[SliceHeader]] = {}
    broken: list[BrokenFile] = []
    for found in map(_read_header, _files(folder)):
        if isinstance(found, SliceHeader):
            groups.setdefault((found.patient, found.series), []).append(found)
        elif found is not None:
            broken.append(found)
    return [Series(tuple(groups[key])) for key in sorted(groups)], broken


def ct_series(series: Iterable[Series]) -> tuple[list[Series], Counter[str]]:
    """Take the slices of CT out of what lies in a folder.

    Localizers, dose reports, structures and single images are left out, also where they share a
    series with slices. If nothing would be left, all is: a check of it then says what it is.

    Args:
        series: From :func:`find_series`.

    Returns:
        tuple: Series of slices, and how many files of each other kind were left out.
    """
    series, left_out = list(series), Counter()
    kept = []
    for one in series:
        slices = tuple(header for header in one.headers if header.kind == 'CT slice')
        left_out.update(header.kind for header in one.headers if header.kind != 'CT slice')
        if slices:
            kept.append(Series(slices))
    stacks = [one for one in kept if len(one.headers) > 1 or one.headers[0].frames > 1]
    if stacks and len(stacks) < len(kept):
        left_out['single CT image'] = len(kept) - len(stacks)
        kept = stacks
    return (kept, left_out) if kept else (series, Counter())


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(names):
            if not name.startswith('.') and not name.endswith(('.nii', '.nii.gz')):
                yield Path(parent, name)


def _read_header(path: Path) -> SliceHeader | BrokenFile | None:
    try:
        # pydicom would print values that it finds odd, and they may be names or dates.
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter('ignore')
            return SliceHeader.read(path)
    except InvalidDicomError:
        named = path.suffix.lower() == '.dcm'
        return BrokenFile(path, 'is no DICOM file, in spite of its name') if named else None
    except OSError:
        return BrokenFile(path, 'cannot be read from the disk')
    except Exception:  # pydicom has no error of its own: anything may come out of broken bytes
        return BrokenFile(path, 'has a broken or truncated DICOM header')


def _parts(data: pydicom.Dataset, keyword: str) -> list:
    """Values of an element, empty ones left out; none where it is missing."""
    value = data.get(keyword)
    values = value if isinstance(value, MultiValue) else [value]
    return [part for part in values if part not in (None, '')]


def _text(data: pydicom.Dataset, keyword: str) -> str:
    """Text of an element, empty where it is missing or has no value."""
    return str(data.get(keyword) or '').strip()


def _numbers(data: pydicom.Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Values of an element as floats; None unless there are ``count``."""
    numbers = tuple(map(float, _parts(data, keyword)))
    return numbers if len(numbers) == count else None


def _whole(data: pydicom.Dataset, keyword: str, missing: int) -> int:
    value = data.get(keyword)
    return missing if value in (None, '') else int(value)
