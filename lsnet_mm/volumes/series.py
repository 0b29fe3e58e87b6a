"""DICOM series on a disk: which files belong together, whatever their folders and names, in which
order, and where they are. What is no straight and whole stack of slices is refused.
"""

import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.config import disable_value_validation
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.uid import MediaStorageDirectoryStorage

from .volume import VolumeError, public_name

#: Secondary Capture and its multi-frame kinds: pictures of a screen, such as dose reports.
_CAPTURE = '1.2.840.10008.5.1.4.1.1.7'
RELOAD = 'Download the series again'
#: Two positions are one if they are closer than this (mm).
SAME_PLACE = 1e-3
#: Slices may lie this far from even spacing, as a part of it: positions are rounded decimals.
UNEVEN = 0.05
#: Sideways run of a stack along its length; a tilt of one degree is 0.017.
LEAN = 0.01
#: What places a slice, and its name in DICOM.
PLACE = {
    'position': 'ImagePositionPatient',
    'orientation': 'ImageOrientationPatient',
    'spacing': 'PixelSpacing',
}


@dataclass(frozen=True)
class SliceHeader:
    """What must be known of one DICOM file to place it in a series; None: it does not say."""

    path: Path
    patient: str  #: PatientID.
    series: str  #: SeriesInstanceUID.
    kind: str  #: ``'CT slice'``, or what else lies in the folder of a scan beside its slices.
    manufacturer: str  #: Of the scanner.
    instance: int  #: InstanceNumber; -1 where there is none.
    shape: tuple[int, int]  #: (rows, columns).
    position: tuple[float, ...] | None  #: (x, y, z) of the first voxel; mm to left, back and head.
    orientation: tuple[float, ...] | None  #: Directions of a row and of a column, (6,), likewise.
    spacing: tuple[float, ...] | None  #: (between rows, between columns) in mm.
    tilt: float  #: Of the gantry, in degrees.
    frames: int  #: Images in the file.
    samples: int  #: Colour channels.


@dataclass(frozen=True)
class Series:
    """The files of one series, in no order."""

    headers: tuple[SliceHeader, ...]  #: One a file, never none.


@dataclass(frozen=True)
class BrokenFile:
    """A file that should be DICOM, by its name or its first bytes, and cannot be read."""

    path: Path
    reason: str  #: Why, as the end of a sentence about it.


def find_series(folder: Path) -> tuple[list[Series], list[BrokenFile]]:
    """Find all series below a folder. Files are DICOM by content; others are passed over.

    Args:
        folder: Where to look, at any depth. Hidden files and folders are left out.

    Returns:
        tuple: The series, by patient and series UID, in this order; and the files named ``.dcm``,
        or starting like DICOM, that cannot be read.
    """
    groups: dict[tuple[str, str], list[SliceHeader]] = {}
    broken: list[BrokenFile] = []
    for found in map(read_header, _files(folder)):
        if isinstance(found, SliceHeader):
            groups.setdefault((found.patient, found.series), []).append(found)
        elif found is not None:
            broken.append(found)
    return [Series(tuple(groups[key])) for key in sorted(groups)], broken


def _files(folder: Path) -> Iterator[Path]:
    """In order; a folder that may not be read is passed over."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(names):
            if not name.startswith('.') and not name.endswith(('.nii', '.nii.gz')):
                yield Path(parent, name)


def ct_series(series: Iterable[Series]) -> tuple[list[Series], Counter[str]]:
    """Take the slices of CT out of what lies in a folder.

    Localizers, dose reports, structures and single images are left out, also where they share a
    series with slices. If nothing would be left, all is: a check of it then says what it is.

    Args:
        series: From :func:`find_series`.

    Returns:
        tuple: Series of slices, and how many files of each other kind were left out.
    """
    series, left_out, kept = list(series), Counter(), []
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


def sort_slices(series: Series) -> list[SliceHeader]:
    """Order the slices of a CT series along its normal, after every check on its geometry.

    Args:
        series: Any.

    Returns:
        list[SliceHeader]: By rising position along the normal.

    Raises:
        VolumeError: If it is no CT, or has frames or colours, missing headers, several sizes,
            orientations or spacings, a slice twice, a gap, uneven spacing, or a tilt.
    """
    headers = series.headers
    for header in headers:
        _check_kind(header)
    if len(headers) < 2:
        raise VolumeError('a series of 1 files', 'one slice is no volume', RELOAD)
    _check_equal(headers)
    normal = np.cross(headers[0].orientation[:3], headers[0].orientation[3:])
    headers = sorted(headers, key=lambda header: np.dot(header.position, normal))
    positions = np.array([header.position for header in headers])
    _check_tilt(headers, positions - positions[0], normal)
    _check_steps(headers, np.diff(positions @ normal))
    return headers


def stack_affine(headers: list[SliceHeader]) -> np.ndarray:
    """Affine (4, 4) of sorted slices: from (column, row, slice) to RAS millimetres."""
    first, last = headers[0], headers[-1]
    between_rows, between_columns = first.spacing
    lps = np.eye(4)
    lps[:3, 0] = np.array(first.orientation[:3]) * between_columns
    lps[:3, 1] = np.array(first.orientation[3:]) * between_rows
    lps[:3, 2] = np.subtract(last.position, first.position) / (len(headers) - 1)
    lps[:3, 3] = first.position
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def read_header(path: Path) -> SliceHeader | BrokenFile | None:
    """The header of any file; None for one that belongs to no series: no DICOM, or a DICOMDIR."""
    try:
        # pydicom would print values that it finds odd, and they may be names or dates.
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter('ignore')
            return _parse(path, pydicom.dcmread(path, stop_before_pixels=True))
    except InvalidDicomError:
        named = path.suffix.lower() == '.dcm'
        return BrokenFile(path, 'is no DICOM file, in spite of its name') if named else None
    except OSError:
        return BrokenFile(path, 'cannot be read from the disk')
    except Exception:  # pydicom has no error of its own: anything may come out of broken bytes
        return BrokenFile(path, 'has a broken or truncated DICOM header')


def _parse(path: Path, data: pydicom.Dataset) -> SliceHeader | None:
    series, modality = _text(data, 'SeriesInstanceUID'), _text(data, 'Modality')
    if not series:
        if data.file_meta.get('MediaStorageSOPClassUID') == MediaStorageDirectoryStorage:
            return None
        raise ValueError('the file ends before its SeriesInstanceUID, or has none')
    if modality != 'CT':
        kind = f'{modality} file' if modality else 'file without modality'
    elif 'LOCALIZER' in (data.get('ImageType') or ()):
        kind = 'localizer'
    else:
        capture = _text(data, 'SOPClassUID').startswith(_CAPTURE)
        kind = 'screen capture' if capture else 'CT slice'
    instance = data.get('InstanceNumber')
    return SliceHeader(
        path=path,
        patient=_text(data, 'PatientID'),
        series=series,
        kind=kind,
        manufacturer=_text(data, 'Manufacturer'),
        instance=-1 if instance in (None, '') else int(instance),
        shape=(int(data.get('Rows') or 0), int(data.get('Columns') or 0)),
        position=_numbers(data, 'ImagePositionPatient', 3),
        orientation=_numbers(data, 'ImageOrientationPatient', 6),
        spacing=_numbers(data, 'PixelSpacing', 2),
        tilt=float(data.get('GantryDetectorTilt') or 0),
        frames=int(data.get('NumberOfFrames') or 1),
        samples=int(data.get('SamplesPerPixel') or 1),
    )


def _text(data: pydicom.Dataset, keyword: str) -> str:
    return str(data.get(keyword) or '').strip()


def _numbers(data: pydicom.Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """Values of an element as floats; None unless there are ``count``."""
    values = data.get(keyword)
    if not isinstance(values, MultiValue) or len(values) != count:
        return None
    return None if '' in values else tuple(map(float, values))


def _check_kind(header: SliceHeader) -> None:
    where = public_name(header.path)
    if header.kind != 'CT slice':
        raise VolumeError(where, f'it is a {header.kind}, no CT slice', 'Choose a CT series')
    if header.frames != 1 or header.samples != 1:
        reason = f'it holds {header.frames} frames of {header.samples} channels'
        raise VolumeError(where, reason, 'Export the series as one grey slice a file')
    for attribute, keyword in PLACE.items():
        if getattr(header, attribute) is None:
            reason = f'it has no {keyword}, so its place is unknown'
            raise VolumeError(where, reason, 'Remove it if it is no slice of the volume')


def _check_equal(headers: Iterable[SliceHeader]) -> None:
    """All agree but in position, or the first that differs from most is named."""
    for attribute, tolerance in (('shape', 0), ('spacing', 1e-4), ('orientation', 1e-4)):
        usual, _ = Counter(getattr(header, attribute) for header in headers).most_common(1)[0]
        for header in headers:
            value = getattr(header, attribute)
            if np.abs(np.subtract(value, usual)).max() > tolerance:
                keyword = PLACE.get(attribute, '(Rows, Columns)')
                reason = f'its {keyword} is {value}, of most slices {usual}'
                fix = 'Keep the files of one acquisition only'
                raise VolumeError(public_name(header.path), reason, fix)


def _check_tilt(headers: list[SliceHeader], steps: np.ndarray, normal: np.ndarray) -> None:
    """Slices, by their (slices, 3) mm from the first one, follow each other along the normal."""
    heights = steps @ normal
    sideways = np.linalg.norm(steps - np.outer(heights, normal), axis=1)
    tilt = max((header.tilt for header in headers), key=abs)
    if tilt or (sideways > LEAN * heights[-1] + SAME_PLACE).any():
        angle = abs(tilt) or np.degrees(np.arctan2(sideways.max(), heights[-1]))
        reason = f'the gantry was tilted by {angle:.1f} degrees, the slices are sheared'
        where = f'a series of {len(headers)} files'
        raise VolumeError(where, reason, 'Resample it to straight slices first, or leave it out')


def _check_steps(headers: list[SliceHeader], steps: np.ndarray) -> None:
    """Sorted slices follow each other evenly, by ``steps`` in mm."""
    usual = np.median(steps)
    double, uneven = steps < SAME_PLACE, np.abs(steps - usual) > UNEVEN * usual
    if not (double | uneven).any():
        return
    k = int(np.argmax(double if double.any() else uneven))
    before, after = (public_name(header.path) for header in headers[k : k + 2])
    missing = round(steps[k] / usual) - 1 if usual else 0
    if double[k]:
        reason = f'it is at the same position as {before}: a duplicated slice'
        fix = 'Remove one of the two'
    elif missing >= 1 and uneven.mean() < 0.5:
        reason, fix = f'{missing} slice(s) missing between it and {before}', RELOAD
    else:
        reason = f'uneven spacing: {steps[k]:.2f} mm from {before}, {usual:.2f} mm elsewhere'
        fix = 'Keep one reconstruction only, or resample it first'
    raise VolumeError(after, reason, fix)
