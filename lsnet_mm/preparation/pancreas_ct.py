"""Pancreas-CT as TCIA's tools leave it on a disk: which files make which case."""

import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from ..volumes import BrokenFile, Series, find_series
from .folds import WITHDRAWN
from .pancreas_ct_case import CLASSES, PancreasCTCase
from .source import Source

PATIENT = re.compile(r'PANCREAS[_-]?0*(\d{1,4})(?!\d)', re.IGNORECASE)
LABEL = re.compile(r'label_?0*(\d+)\.nii(\.gz)?', re.IGNORECASE)
PHANTOM = 'lsnet_mm phantom'  # its Manufacturer: never to be mistaken for patients


def find_pancreas_ct(download: Path, labels: Path | None = None, map: Callable = map) -> Source:
    """Find CT series and labels at any depth and pair them by case number.

    A series' number is that of its PatientID, ``PANCREAS_0001``; without one, that of a folder
    above it. A label's is that of its name, ``label0001.nii.gz``.

    Args:
        download: Where the images are, and the labels unless ``labels`` says otherwise.
        labels: Where the labels are.
        map: See :func:`~lsnet_mm.volumes.find_series`.

    Returns:
        Source: A case for every number that has images or a label, complete or not.

    Raises:
        ValueError: If there is neither.
    """
    found, broken = find_series(download, map)
    series, lost = _by_number(found, lambda one: _series_number(one, download))
    folders = {h.path.parent: n for n, many in series.items() for s in many for h in s.headers}
    damaged, stray = _by_number(broken, lambda one: _file_number(one, download, folders))
    label_files, _ = _by_number(_label_files(labels or download), _label_number)

    numbers = {*series, *damaged, *label_files}
    if not numbers:
        raise ValueError(
            'no CT series and no label was found. Name the folder that holds '
            'the downloaded PANCREAS_* folders and label*.nii.gz files.'
        )
    cases = [
        PancreasCTCase(
            name=f'PANCREAS_{number:04d}',
            number=number,
            series=tuple(series[number]),
            broken=tuple(damaged[number]),
            labels=tuple(label_files[number]),
        )
        for number in sorted(numbers - WITHDRAWN)
    ]
    dropped = sorted(numbers & WITHDRAWN)
    notes = [f'case {number} was withdrawn by TCIA and is left out' for number in dropped]
    if lost:
        notes.append(f'{len(lost)} series left out: no PANCREAS_<number> in PatientID or folder')
    if stray:
        notes.append(f"{len(stray)} damaged DICOM files left out: they are in no case's folder")
    phantom = any(one.headers[0].manufacturer == PHANTOM for one in found)
    return Source('phantom' if phantom else 'pancreas_ct', CLASSES, tuple(cases), tuple(notes))


def _by_number(things, number_of: Callable) -> tuple[dict[int, list], list]:
    numbered, rest = defaultdict(list), []
    for thing in things:
        number = number_of(thing)
        (rest if number is None else numbered[number]).append(thing)
    return numbered, rest


def _series_number(series: Series, root: Path) -> int | None:
    match = PATIENT.search(series.patient)
    return int(match[1]) if match else _folder_number(series.headers[0].path, root)


def _file_number(file: BrokenFile, root: Path, folders: dict[Path, int]) -> int | None:
    return folders.get(file.path.parent, _folder_number(file.path, root))


def _folder_number(path: Path, root: Path) -> int | None:
    matches = map(PATIENT.search, reversed(path.relative_to(root.parent).parts[:-1]))
    return next((int(match[1]) for match in matches if match), None)


def _label_files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob('*.nii*') if LABEL.fullmatch(path.name))


def _label_number(path: Path) -> int:
    return int(LABEL.fullmatch(path.name)[1])
