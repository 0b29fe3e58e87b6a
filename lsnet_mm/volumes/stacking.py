"""From the headers of a series to the order and the geometry of its slices, or a refusal."""

from collections import Counter

import numpy as np

from .errors import VolumeError, public_name
from .series import Series, SliceHeader

RELOAD = 'Download the series again'
#: Two positions are one if they are closer than this (mm).
SAME_PLACE = 1e-3
#: Slices may lie this far from even spacing, as a part of it: positions are rounded decimals.
UNEVEN = 0.05
#: Sideways run of a stack along its length; a tilt of one degree is 0.017.
LEAN = 0.01

_NEEDED = {
    'position': 'ImagePositionPatient',
    'orientation': 'ImageOrientationPatient',
    'spacing': 'PixelSpacing',
}


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
    where = f'a series of {len(headers)} files'
    _check_kind(headers)
    if len(headers) < 2:
        raise VolumeError(where, 'one slice is no volume', RELOAD)
    _check_equal(headers, 'shape', 'sizes (rows, columns)', 0)
    _check_equal(headers, 'spacing', 'pixel spacings', 1e-4)
    _check_equal(headers, 'orientation', 'orientations', 1e-4)

    normal = headers[0].normal
    headers = sorted(headers, key=lambda header: np.dot(header.position, normal))
    positions = np.array([header.position for header in headers])
    heights = positions @ normal
    _check_duplicates(headers, heights)
    _check_tilt(where, headers, positions)
    _check_gaps(headers, np.diff(heights))
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


def _check_kind(headers: tuple[SliceHeader, ...]) -> None:
    for header in headers:
        where = public_name(header.path)
        if header.modality != 'CT':
            found = header.modality or 'missing'
            raise VolumeError(where, f'the modality is {found}, not CT', 'Choose a CT series')
        if header.kind != 'CT slice':
            raise VolumeError(where, f'it is a {header.kind}, no slice', 'Choose a CT series')
        if header.frames != 1 or header.samples != 1:
            reason = f'it holds {header.frames} frames of {header.samples} channels'
            raise VolumeError(where, reason, 'Export the series as one grey slice a file')
        for attribute, keyword in _NEEDED.items():
            if getattr(header, attribute) is None:
                reason = f'it has no {keyword}, so its place is unknown'
                raise VolumeError(where, reason, 'Remove it if it is no slice of the volume')


def _check_equal(headers, attribute: str, what: str, tolerance: float) -> None:
    """All headers agree, or the first that differs from most is named."""
    values = [getattr(header, attribute) for header in headers]
    usual = Counter(values).most_common(1)[0][0]
    wrong = (np.abs(np.subtract(values, usual)) > tolerance).any(axis=1)
    if wrong.any():
        odd = values[int(np.argmax(wrong))]
        where = public_name(headers[int(np.argmax(wrong))].path)
        reason = f'the slices have several {what}: {odd} here, {usual} elsewhere'
        raise VolumeError(where, reason, 'Keep the files of one acquisition only')


def _check_duplicates(headers: list[SliceHeader], heights: np.ndarray) -> None:
    same = np.diff(heights) < SAME_PLACE
    if same.any():
        k = int(np.argmax(same))
        one, other = (public_name(header.path) for header in headers[k : k + 2])
        reason = f'it is at the same position as {one}: a duplicated slice'
        raise VolumeError(other, reason, 'Remove one of the two')


def _check_tilt(where: str, headers: list[SliceHeader], positions: np.ndarray) -> None:
    normal = headers[0].normal
    steps = positions - positions[0]
    heights = steps @ normal
    sideways = np.linalg.norm(steps - np.outer(heights, normal), axis=1)
    tilt = max((header.tilt for header in headers), key=abs)
    if tilt or (sideways > LEAN * heights[-1] + SAME_PLACE).any():
        angle = abs(tilt) or np.degrees(np.arctan2(sideways.max(), heights[-1]))
        reason = f'the gantry was tilted by {angle:.1f} degrees, the slices are sheared'
        raise VolumeError(where, reason, 'Resample it to straight slices first, or leave it out')


def _check_gaps(headers: list[SliceHeader], steps: np.ndarray) -> None:
    usual = np.median(steps)
    uneven = np.abs(steps - usual) > UNEVEN * usual
    if not uneven.any():
        return
    k = int(np.argmax(uneven))
    before, after = (public_name(header.path) for header in headers[k : k + 2])
    missing = round(steps[k] / usual) - 1
    whole = abs(steps[k] / usual - missing - 1) <= UNEVEN
    if missing >= 1 and whole and uneven.mean() < 0.5:
        plural = 'slice is' if missing == 1 else 'slices are'
        reason = f'{missing} {plural} missing between it and {before}'
        raise VolumeError(after, reason, RELOAD)
    reason = f'uneven spacing: {steps[k]:.2f} mm from {before}, {usual:.2f} mm elsewhere'
    raise VolumeError(after, reason, 'Keep one reconstruction only, or resample it first')
