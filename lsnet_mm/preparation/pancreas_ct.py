"""Pancreas-CT as TCIA's tools leave it on a disk: which files make which case, and are they one."""

import filecmp
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..volumes import (
    ORIENTATION,
    BrokenFile,
    Series,
    SliceHeader,
    Volume,
    VolumeError,
    find_series,
    public_name,
    read_slices,
    sort_slices,
)
from .alignment import GIVEN, alignment_scores, best_alternative
from .case import Case, Source, read_label

CLASSES = {'background': 0, 'pancreas': 1}
#: Withdrawn by TCIA in 2020: the scan of case 2 again, cropped differently.
WITHDRAWN = frozenset({25, 70})
PATIENT = re.compile(r'PANCREAS[_-]?0*(\d{1,4})(?!\d)', re.IGNORECASE)
LABEL = re.compile(r'label_?0*(\d+)\.nii(\.gz)?', re.IGNORECASE)
PHANTOM = 'lsnet_mm phantom'  # its Manufacturer: never to be mistaken for patients


@dataclass(frozen=True)
class PancreasCTCase(Case):
    """A CT series of Pancreas-CT and its label.

    They are paired by index, never by their headers, which contradict each other: voxel
    ``[x, y, k]`` of the label belongs to column x and row y of the file with the k-th
    InstanceNumber. Whether that is right, the voxels must say.

    Attributes:
        number: Of the case.
        series: Those found; there must be one CT series.
        broken: Damaged files; there must be none.
        labels: Label files; there must be one, or copies of it.
    """

    number: int
    series: tuple[Series, ...]
    broken: tuple[BrokenFile, ...]
    labels: tuple[Path, ...]

    @property
    def files(self) -> list[Path]:
        headers = [header.path for series in self.series for header in series.headers]
        return [*headers, *(file.path for file in self.broken), *self.labels]

    def load(self) -> tuple[Volume, Volume, dict]:
        series, path = self._one_series(), self._one_label()
        headers = sort_slices(series)
        where = public_name(path)
        label = read_label(path, CLASSES).voxels
        _check_shape(where, label.shape, (*headers[0].shape[::-1], len(headers)))
        if not label.any():
            raise VolumeError(where, 'the label is empty', 'Download the labels again')
        if _instances_descend(headers):
            label = label[..., ::-1]
        image = read_slices(headers)
        checks = _check_alignment(where, image.voxels, label)
        label = Volume(label, image.affine)
        return image.oriented(ORIENTATION), label.oriented(ORIENTATION), checks

    def _one_series(self) -> Series:
        download = f'Download {self.name} again'
        if self.broken:
            first = self.broken[0]
            raise VolumeError(public_name(first.path), f'the file {first.reason}', download)
        if not self.series:
            reason = 'it has a label and no images'
            raise VolumeError('the case', reason, f'Download {self.name}, or remove its label')
        series = [one for one in self.series if one.modality == 'CT'] or self.series
        if len(series) > 1:
            sizes = ' and '.join(str(len(one.headers)) for one in series)
            reason = f'it has {len(series)} series, of {sizes} files'
            raise VolumeError('the case', reason, 'Keep the one that the label was drawn on')
        return series[0]

    def _one_label(self) -> Path:
        if not self.labels:
            fix = f'Download label{self.number:04d}.nii.gz, or remove the images'
            raise VolumeError('the case', 'it has images and no label', fix)
        first, *others = self.labels
        if not all(filecmp.cmp(first, other, shallow=False) for other in others):
            reason = f'there are {len(self.labels)} different labels of this name'
            raise VolumeError(public_name(first), reason, 'Keep the right one')
        return first


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


def _instances_descend(headers: list[SliceHeader]) -> bool:
    """Whether InstanceNumber falls along the sorted slices; it must rise or fall throughout."""
    steps = np.diff([header.instance for header in headers])
    if (steps > 0).all() or (steps < 0).all():
        return bool(steps[0] < 0)
    k = int(np.argmax(np.sign(steps) != np.sign(np.median(steps)))) + 1
    reason = 'InstanceNumber and position disagree, so the slices of the label cannot be told'
    raise VolumeError(public_name(headers[k].path), reason, 'Download the series again')


def _check_shape(where: str, label: tuple[int, ...], images: tuple[int, ...]) -> None:
    """Both are (columns, rows, slices). Only a label tells that a slice at an end is missing."""
    if label == images:
        return
    reason = f'the label is {label}, its images are {images} (columns, rows, slices)'
    missing = label[2] - images[2]
    if label[:2] == images[:2] and missing > 0:
        plural = 'slice is' if missing == 1 else 'slices are'
        reason += f": {missing} {plural} missing at an end of the series, or the label is another's"
    raise VolumeError(where, reason, 'Check that the series is whole and the label is its own')


def _check_alignment(where: str, voxels: np.ndarray, label: np.ndarray) -> dict:
    scores = alignment_scores(voxels, label.view(bool))
    rival, margin = best_alternative(scores)
    if margin <= 0:
        reason = (
            f'the label does not sit on the organ: {rival} it fits better '
            f'(score {scores[rival]:.1f} HU, {GIVEN} {scores[GIVEN]:.1f})'
        )
        raise VolumeError(where, reason, 'Replace the label by the one of the collection')
    return {'score': round(scores[GIVEN], 1), 'margin': round(margin, 1), 'rival': rival}
