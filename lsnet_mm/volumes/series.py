"""DICOM series on a disk: which files belong together, whatever their folders and names."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .folder import files_below
from .header import NO_DICOM, BrokenFile, SliceHeader, read_header
from .nifti_file import NIFTI
from .stack import find_irregularity, is_placed, sort_slices
from .volume import VolumeError


@dataclass(frozen=True)
class Series:
    """The files of one series, in no order."""

    headers: tuple[SliceHeader, ...]  #: One a file, never none.


def find_series(folder: Path) -> tuple[list[Series], list[BrokenFile]]:
    """Find all series below a folder. Files are DICOM by content; others are passed over.

    A series whose UIDs an anonymiser emptied is that of a folder; slices with a UID each are one
    series where they form a stack.

    Args:
        folder: Where to look, at any depth; links are followed. Hidden ones are left out.

    Returns:
        tuple: The series, by patient and series UID, in this order; and the files that should be
        slices of one: by their name, their first bytes, or because they continue it. Those of one
        folder with the same fault stand together under the name of the first.
    """
    groups: dict[tuple[str, ...], list[SliceHeader]] = defaultdict(list)
    broken: list[BrokenFile] = []
    others: list[Path] = []
    for path in files_below(folder):
        if NIFTI.search(path.name):
            continue
        found = read_header(path)
        if isinstance(found, SliceHeader):
            place = () if found.series else (str(path.parent),)
            groups[(found.patient, found.series, *place)].append(found)
        elif found is None:
            others.append(path)
        else:
            broken.append(found)
    names = {_pattern(header.path) for headers in groups.values() for header in headers}
    broken += [BrokenFile(path, NO_DICOM) for path in others if _pattern(path) in names]
    series = _join([Series(tuple(groups[key])) for key in sorted(groups)])
    strays = dict(_strays(series))
    broken += [BrokenFile(path, reason) for path, reason in strays.items()]
    left = (tuple(h for h in one.headers if h.path not in strays) for one in series)
    return [Series(headers) for headers in left if headers], _together(broken)


def _pattern(path: Path) -> tuple[Path, str]:
    """Files of a folder whose names differ in numbers only are of one kind."""
    return path.parent, re.sub(r'\d+', '0', path.name)


def _together(broken: list[BrokenFile]) -> list[BrokenFile]:
    """One sentence a folder, not one a file."""
    groups = defaultdict(list)
    for file in sorted(broken, key=lambda file: file.path):
        groups[file.path.parent, file.reason].append(file.path)
    return [
        BrokenFile(first, f'{reason}, as {len(more)} more beside it' if more else reason)
        for (_, reason), (first, *more) in groups.items()
    ]


def _join(series: list[Series]) -> list[Series]:
    """An anonymiser may give every slice a series of its own: what they were is in their places."""
    alike: dict[tuple, list[Series]] = defaultdict(list)
    for one in filter(_is_lone, series):
        [header] = one.headers
        alike[header.patient, header.shape, header.spacing, header.orientation].append(one)
    for lone in alike.values():
        joined = Series(tuple(one.headers[0] for one in lone))
        stack = _sorted(joined)
        if len(lone) > 3 or (stack and not find_irregularity(stack)):
            series = [one for one in series if one not in lone] + [joined]
    return series


def _is_lone(one: Series) -> bool:
    return len(one.headers) == 1 and one.headers[0].kind == 'CT slice' and is_placed(one.headers[0])


def _sorted(series: Series) -> list[SliceHeader]:
    """Empty if they are no stack of slices."""
    try:
        stack = sort_slices(series) if series.headers else []
    except VolumeError:
        return []
    return stack if len(stack) > 1 else []


def _strays(series: list[Series]) -> Iterator[tuple[Path, str]]:
    """Files that lie where the next slices of a stack would, and are not of it.

    In its middle they would be missed; at its end, only these tell that it was cut short.
    """
    lone = [one.headers[0] for one in series if _is_lone(one)]
    for one in series:
        slices = Series(tuple(h for h in one.headers if h.kind == 'CT slice'))
        rest = [h for h in one.headers if h.kind != 'CT slice' and is_placed(h)]
        stack = _sorted(slices) if lone or rest else []
        for element, headers in (('SeriesInstanceUID', lone), ('Modality or ImageType', rest)):
            near = [header for header in headers if stack and _continues(stack, header)]
            yield from ((h.path, f'continues the slices and has another {element}') for h in near)


def _continues(stack: list[SliceHeader], header: SliceHeader) -> bool:
    """Whether a file is one of the next three slices of a stack, at either end or in a gap."""
    first = stack[0]
    near = header.path.parent == first.path.parent or header.patient == first.patient
    if not near or header.shape != first.shape or header.frames != 1:
        return False
    if not np.allclose(header.spacing + header.orientation, first.spacing + first.orientation):
        return False
    places = np.array([one.position for one in stack]) - first.position
    along = places[-1] / np.linalg.norm(places[-1])
    usual = np.median(np.diff(places @ along))
    way = np.subtract(header.position, first.position)
    steps = np.abs(places @ along - way @ along).min() / usual
    return 0.8 < steps < 3.2 and np.linalg.norm(way - way @ along * along) < 0.2 * usual


def only_slices(one: Series) -> Series:
    """The slices of CT in a series; itself if it has none."""
    slices = tuple(header for header in one.headers if header.kind == 'CT slice')
    return Series(slices) if slices else one


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
    for one in series:
        left_out.update(header.kind for header in one.headers if header.kind != 'CT slice')
    kept = [one for one in map(only_slices, series) if one.headers[0].kind == 'CT slice']
    stacks = [one for one in kept if len(one.headers) > 1 or one.headers[0].frames > 1]
    if stacks and len(stacks) < len(kept):
        left_out['single CT image'] = len(kept) - len(stacks)
        kept = stacks
    return (kept, left_out) if kept else (series, Counter())
