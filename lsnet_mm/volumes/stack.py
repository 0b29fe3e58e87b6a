"""Slices of a CT series in their order, and where they are, by the numbers in their headers: all of
them finite, plausible and in accord, or the series is refused. Nets see slice by slice, so that
gaps, uneven spacing and a tilt are no reason to refuse it, but no straight grid describes it.
"""

from __future__ import annotations

import filecmp
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from .dicom_file import read_dicom, text
from .frames import split_frames
from .header import SliceHeader
from .volume import RELOAD, MissingSlices, VolumeError

if TYPE_CHECKING:
    from .series import Series

#: Two positions are one if they are closer than this (mm).
SAME_PLACE = 1e-3
#: Slices may lie this far from even spacing, as a part of it.
UNEVEN = 0.05
#: Sideways run of a stack along its length; a tilt of one degree is 0.017.
LEAN = 0.01
#: What stands for the thickness (mm) of a single slice whose header is silent.
UNKNOWN = 1.0
#: Directions may be this far from length 1 and a right angle: they are rounded decimals.
SKEW = 0.01
#: Sizes of voxels in mm that a scan may have, and what lies beyond every patient: metres, and
#: numbers that are none of these.
SIZES = (0.05, 50)
FAR = 1e5
#: Most voxels of a slice; the largest detectors have a quarter.
VOXELS = 1 << 26
#: What places a slice: its name in DICOM, and how many numbers it is.
PLACE = {
    'position': ('ImagePositionPatient', 3),
    'orientation': ('ImageOrientationPatient', 6),
    'spacing': ('PixelSpacing', 2),
}
#: What tells two reconstructions apart, the cause before what follows from it.
_APART = (
    *('AcquisitionNumber', 'TemporalPositionIdentifier', 'ImageType', 'ConvolutionKernel', 'KVP'),
    *('SliceThickness', 'ContrastBolusAgent', 'SeriesNumber', 'AcquisitionTime', 'ContentTime'),
)


def sort_slices(series: Series) -> list[SliceHeader]:
    """Order the slices of a CT series along its normal.

    Args:
        series: Any; each frame of an enhanced file is a slice.

    Returns:
        list[SliceHeader]: By rising position along the normal; see :func:`find_irregularity`.

    Raises:
        VolumeError: If it is no CT, or has colours, missing or impossible headers, several sizes,
            orientations or spacings, or a slice twice; of a single slice, an impossible thickness.
    """
    for header in series.headers:
        _check_kind(header)
    headers = [frame for header in series.headers for frame in split_frames(header)]
    for header in headers:
        _check_place(header)
    if len(headers) == 1:
        _check_thickness(headers[0])
        return headers
    _check_equal(headers)
    normal = np.cross(headers[0].orientation[:3], headers[0].orientation[3:])
    headers.sort(key=lambda header: np.dot(header.position, normal))
    steps = np.diff(stack_heights(headers))
    _check_twice(headers, steps)
    if not SIZES[0] <= np.median(steps) <= SIZES[1]:
        reason = f'its slices are {np.median(steps):.4g} mm apart, which no scan has'
        raise VolumeError(f'a series of {len(headers)} files', reason, RELOAD)
    return headers


def find_irregularity(headers: list[SliceHeader]) -> VolumeError | None:
    """Why sorted slices form no straight grid, as who needs one would refuse them.

    Returns:
        VolumeError | None: :class:`MissingSlices` if it is a gap, uneven spacing, or a tilt.
    """
    if len(headers) == 1:
        return None
    positions = np.array([header.position for header in headers])
    rounding = _rounding(positions)
    return _find_tilt(headers, positions - positions[0], rounding) or _find_step(headers, rounding)


def stack_heights(headers: list[SliceHeader]) -> np.ndarray:
    """Where slices are along their normal, (slices,) in mm."""
    row, column = np.reshape(headers[0].orientation, (2, 3))
    normal = np.cross(row, column)
    return np.array([header.position for header in headers]) @ normal / np.linalg.norm(normal)


def stack_step(headers: list[SliceHeader]) -> float:
    """The usual distance of slices in mm; of a single one its thickness, :data:`UNKNOWN` if that
    is not said."""
    if len(headers) == 1:
        return headers[0].thickness or UNKNOWN
    return float(np.median(np.diff(stack_heights(headers))))


def is_placed(header: SliceHeader) -> bool:
    """Whether a file says where in the patient it is."""
    return None not in (header.position, header.orientation, header.spacing)


def stack_affine(headers: list[SliceHeader]) -> np.ndarray:
    """Affine (4, 4) of sorted slices: from (column, row, slice) to RAS millimetres."""
    row, column = np.reshape(headers[0].orientation, (2, 3))
    between_rows, between_columns = headers[0].spacing
    lps = np.eye(4)
    lps[:3, 0] = row / np.linalg.norm(row) * between_columns
    lps[:3, 1] = column / np.linalg.norm(column) * between_rows
    if len(headers) == 1:  # nothing but its header says how thick it is
        lps[:3, 2] = np.cross(lps[:3, 0], lps[:3, 1])
        lps[:3, 2] *= stack_step(headers) / np.linalg.norm(lps[:3, 2])
    else:
        lps[:3, 2] = np.subtract(headers[-1].position, headers[0].position) / (len(headers) - 1)
    lps[:3, 3] = headers[0].position
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def _check_kind(header: SliceHeader) -> None:
    where = header.name
    if header.kind != 'CT slice':
        raise VolumeError(where, f'it is a {header.kind}, no CT slice', 'Choose a CT series')
    if (header.frames != 1 and not header.enhanced) or header.samples != 1:
        reason = f'it holds {header.frames} frames of {header.samples} channels'
        raise VolumeError(where, reason, 'Export the series as one grey slice a file')


def _check_place(header: SliceHeader) -> None:
    where, fix = header.name, 'Remove it if it is no slice of the volume'
    rows, columns = header.shape
    if not 0 < rows * columns <= VOXELS:
        raise VolumeError(where, f'its Rows and Columns are {rows} and {columns}', RELOAD)
    for attribute, (keyword, count) in PLACE.items():
        if getattr(header, attribute) is None:
            reason = f'it has no {keyword} of {count} finite numbers, so its place is unknown'
            raise VolumeError(where, reason, fix)
    if not all(SIZES[0] <= size <= SIZES[1] for size in header.spacing):
        reason = f'its PixelSpacing is {header.spacing}, which no scan has in mm'
        raise VolumeError(where, reason, RELOAD)
    if max(map(abs, header.position)) > FAR:
        raise VolumeError(where, 'its ImagePositionPatient lies beyond every patient', fix)
    turn = np.reshape(header.orientation, (2, 3))
    if np.abs(turn @ turn.T - np.eye(2)).max() > SKEW:
        reason = 'its ImageOrientationPatient is no two directions at a right angle'
        raise VolumeError(where, reason, RELOAD)


def _check_thickness(header: SliceHeader) -> None:
    if header.thickness is not None and not SIZES[0] <= header.thickness <= SIZES[1]:
        reason = f'its SliceThickness is {header.thickness}, which no scan has in mm'
        raise VolumeError(header.name, reason, RELOAD)


def _check_equal(headers: Iterable[SliceHeader]) -> None:
    """All agree but in position, or the first that differs from most is named."""
    for attribute, tolerance in (('shape', 0), ('spacing', 1e-4), ('orientation', 1e-4)):
        usual, _ = Counter(getattr(header, attribute) for header in headers).most_common(1)[0]
        for header in headers:
            value = getattr(header, attribute)
            if np.abs(np.subtract(value, usual)).max() > tolerance:
                keyword = PLACE.get(attribute, ['(Rows, Columns)'])[0]
                reason = f'its {keyword} is {value}, of most slices {usual}'
                fix = 'Keep the files of one acquisition only'
                raise VolumeError(header.name, reason, fix)


def _rounding(positions: np.ndarray) -> float:
    """What positions are multiples of, in mm: 0.1 if they were rounded to one decimal."""
    for unit in (1, 0.1, 0.01, 0.001):
        if np.allclose(positions, unit * np.rint(positions / unit), rtol=0, atol=unit / 1000):
            return unit
    return 0


def _check_twice(headers: list[SliceHeader], steps: np.ndarray) -> None:
    """No two sorted slices, by the ``steps`` between them in mm, lie at one place."""
    pairs = [(headers[k], headers[k + 1]) for k in np.flatnonzero(steps < SAME_PLACE)]
    if not pairs:
        return
    apart = _what_differs(pairs)
    if len(pairs) > 1:
        reason = f'{len(pairs)} of its slices lie at the places of others: {apart}'
        where, fix = f'a series of {len(headers)} files', 'Keep one set of them only'
    else:
        before, where = (header.name for header in pairs[0])
        reason, fix = f'it is at the same position as {before}: {apart}', 'Remove one of the two'
    raise VolumeError(where, reason, fix)


def _what_differs(pairs: list[tuple[SliceHeader, SliceHeader]]) -> str:
    """How the files of every pair are told apart, as the end of a sentence."""
    if all(one.path == other.path for one, other in pairs):
        return 'they are frames of one file, of which the series holds several stacks'
    some = [[read_dicom(header.path) for header in pair] for pair in (pairs[0], pairs[-1])]
    for keyword in _APART:
        if all(text(one, keyword) != text(other, keyword) for one, other in some):
            return f'they differ in {keyword}'
    name = 'SOPInstanceUID'
    same = all(text(one, name) == text(other, name) for one, other in some)
    same = same or all(filecmp.cmp(one.path, other.path, shallow=False) for one, other in pairs)
    return 'they are copies' if same else 'no element says how they differ'


def _find_tilt(
    headers: list[SliceHeader], steps: np.ndarray, rounding: float
) -> VolumeError | None:
    """Slices, by their (slices, 3) mm from the first one, do not follow along the normal."""
    heights = stack_heights(headers) - stack_heights(headers)[0]
    sideways = np.sqrt(np.maximum((steps**2).sum(1) - heights**2, 0))
    tilt = max((header.tilt for header in headers), key=abs)
    told = abs(tilt) > np.degrees(np.arctan(LEAN))
    if told or (sideways > LEAN * heights[-1] + 2 * rounding + SAME_PLACE).any():
        angle = abs(tilt) if told else np.degrees(np.arctan2(sideways.max(), heights[-1]))
        reason = f'the gantry was tilted by {angle:.1f} degrees, the slices are sheared'
        where = f'a series of {len(headers)} files'
        return VolumeError(where, reason, 'Resample it to straight slices first, or leave it out')
    return None


def _find_step(headers: list[SliceHeader], rounding: float) -> VolumeError | None:
    """Slices do not follow each other evenly, as far as their positions tell."""
    heights = stack_heights(headers)
    steps = np.diff(heights)
    usual = np.median(steps)
    even = np.polynomial.Polynomial.fit(range(len(heights)), heights, 1)(np.arange(len(heights)))
    # Never so much that a slice more or less would fit.
    tolerance = UNEVEN * usual + min(rounding, 0.15 * usual)
    if np.abs(heights - even).max() <= tolerance or np.abs(steps / usual - 1).max() <= UNEVEN:
        return None
    k = int(np.argmax(np.abs(steps - usual)))
    before, after = (header.name for header in headers[k : k + 2])
    missing = round(steps[k] / usual) - 1
    uneven = np.abs(steps - usual) > UNEVEN * usual + rounding
    if missing >= 1 and uneven.mean() < 0.5:
        return MissingSlices(after, f'{missing} slice(s) missing between it and {before}', RELOAD)
    reason = f'uneven spacing: {steps[k]:.2f} mm from {before}, {usual:.2f} mm elsewhere'
    return VolumeError(after, reason, 'Keep one reconstruction only, or resample it first')
