"""Pancreas-CT as TCIA's tools leave it on a disk: which files make which case, and are they one."""

import filecmp
import re
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np

from ..volumes import (
    PHANTOM,
    BrokenFile,
    Series,
    SliceHeader,
    Volume,
    VolumeError,
    files_below,
    find_irregularity,
    find_series,
    public_name,
    read_slices,
    sort_slices,
)
from .labels import GIVEN, alignment_scores, best_alternative, read_label
from .prepare import Case, Folds, Source, contiguous_folds, cross_validation

CLASSES = {'background': 0, 'pancreas': 1}
#: Withdrawn by TCIA in 2020: the scan of case 2 again, cropped differently.
WITHDRAWN = frozenset({25, 70})
PATIENT = re.compile(r'PANCREAS[_-]?0*(\d{1,4})(?!\d)', re.IGNORECASE)
LABEL = re.compile(r'label_?0*(\d+)\.nii(\.gz)?', re.IGNORECASE)
#: Last case of each block of Pancreas-CT in the coarse-to-fine literature. Dividing the 80 cases
#: anew would move case 41 to another fold.
PINNED_ENDS = (20, 41, 61, 82)


def find_pancreas_ct(download: Path, labels: Path | None = None, assume_hu: bool = False) -> Source:
    """Find CT series and labels at any depth and pair them by case number.

    A series' number is that of its PatientID, ``PANCREAS_0001``; without one, that of a folder
    above it. A label's is that of its name, ``label0001.nii.gz``.

    They are paired by index, never by their headers, which contradict each other: voxel
    ``[x, y, k]`` of the label belongs to column x and row y of the file with the k-th
    InstanceNumber. Whether that is right, the voxels must say.

    Args:
        download: Where the images are, and the labels unless ``labels`` says otherwise.
        labels: Where the labels are.
        assume_hu: Take voxels for HU even if they do not look so.

    Returns:
        Source: A case for every number that has images or a label, complete or not.

    Raises:
        ValueError: If there is neither.
    """
    found, broken = find_series(download)
    root = download.parent
    series, damaged, masks, folders = defaultdict(list), defaultdict(list), defaultdict(list), {}
    for one in found:
        first = one.headers[0]
        number = _number(first.patient, *reversed(first.path.relative_to(root).parts[:-1]))
        series[number].append(one)
        if number is not None:
            folders.update({header.path.parent: number for header in one.headers})
    for file in broken:
        parts = file.path.relative_to(root).parts[:-1]
        damaged[folders.get(file.path.parent, _number(*reversed(parts)))].append(file)
    for path in sorted(files_below(labels or download)):
        if (match := LABEL.fullmatch(path.name)) and path.is_file():
            masks[int(match[1])].append(path)
    lost, stray = series.pop(None, ()), damaged.pop(None, ())

    numbers = {*series, *damaged, *masks}
    if not numbers:
        raise ValueError(
            f'{download}: no CT series and no label was found. Name the folder that holds '
            'the downloaded PANCREAS_* folders and label*.nii.gz files.'
        )
    cases = []
    for number in sorted(numbers - WITHDRAWN):
        name, parts = f'PANCREAS_{number:04d}', (series[number], damaged[number], masks[number])
        files = [header for one in series[number] for header in one.headers] + damaged[number]
        paths = (*(file.path for file in files), *masks[number])
        cases.append(Case(name, paths, partial(_load, name, *parts, assume_hu)))
    dropped = sorted(numbers & WITHDRAWN)
    notes = [f'case {number} was withdrawn by TCIA and is left out' for number in dropped]
    if lost:
        notes.append(f'{len(lost)} series left out: no PANCREAS_<number> in PatientID or folder')
    if stray:
        notes.append(f"{len(stray)} damaged DICOM files left out: they are in no case's folder")
    phantom = any(one.headers[0].manufacturer == PHANTOM for one in found)
    name = 'phantom' if phantom else 'pancreas_ct'
    found = name, CLASSES, tuple(cases), pancreas_folds, tuple(notes)
    return Source(*found, synthetic=phantom)


def pancreas_folds(cases: list[str]) -> tuple[str, Folds]:
    """Where the folds of sorted cases come from, and these: 1-20 | 21-41 | 42-61 | 62-82.

    If a block has no case, or a number lies outside of them, this is another set, divided anew.
    """
    numbers = [_number(case) for case in cases]
    parts = np.split(cases, np.searchsorted(numbers, PINNED_ENDS, side='right'))
    *blocks, beyond = [part.tolist() for part in parts]
    if beyond or not all(blocks):
        folds = contiguous_folds(cases, len(PINNED_ENDS))
        return 'contiguous blocks of an incomplete set', folds
    return 'pinned: 1-20, 21-41, 42-61, 62-82', cross_validation(blocks)


def _number(*names: str) -> int | None:
    """Of a case, by the first name that tells."""
    return next((int(match[1]) for match in map(PATIENT.search, names) if match), None)


def _load(
    name: str,
    series: list[Series],
    damaged: list[BrokenFile],
    masks: list[Path],
    assume_hu: bool,
) -> tuple[Volume, Volume, dict]:
    for file in damaged:
        fix = f'Download {name} again'
        raise VolumeError(public_name(file.path), f'the file {file.reason}', fix)
    headers, path = sort_slices(_one_series(name, series)), _one_label(name, masks)
    if irregular := find_irregularity(headers):
        raise irregular
    where = public_name(path)
    label = read_label(path, CLASSES, (*headers[0].shape[::-1], len(headers))).voxels
    if not label.any():
        raise VolumeError(where, 'the label is empty', 'Download the labels again')
    if _instances_descend(headers):
        label = label[..., ::-1]
    image = read_slices(headers, assume_hu)
    scores = alignment_scores(image.voxels, label.view(bool))
    rival, margin = best_alternative(scores)
    if margin <= 0:
        reason = (
            f'the label does not sit on the organ: {rival} it fits better '
            f'(score {scores[rival]:.1f} HU, {GIVEN} {scores[GIVEN]:.1f})'
        )
        raise VolumeError(where, reason, 'Replace the label by the one of the collection')
    checks = {'score': round(scores[GIVEN], 1), 'margin': round(margin, 1), 'rival': rival}
    return image, Volume(label, image.affine), checks


def _one_series(name: str, series: list[Series]) -> Series:
    if not series:
        fix = f'Download {name}, or remove its label'
        raise VolumeError('the case', 'it has a label and no images', fix)
    series = [one for one in series if any(h.kind == 'CT slice' for h in one.headers)] or series
    if len(series) > 1:
        sizes = ' and '.join(str(len(one.headers)) for one in series)
        reason = f'it has {len(series)} series, of {sizes} files'
        raise VolumeError('the case', reason, 'Keep the one that the label was drawn on')
    return series[0]


def _one_label(name: str, labels: list[Path]) -> Path:
    if not labels:
        fix = f'Download {name.replace("PANCREAS_", "label")}.nii.gz, or remove the images'
        raise VolumeError('the case', 'it has images and no label', fix)
    first, *others = labels
    if not all(filecmp.cmp(first, other, shallow=False) for other in others):
        reason = f'there are {len(labels)} different labels of this name'
        raise VolumeError(public_name(first), reason, 'Keep the right one')
    return first


def _instances_descend(headers: list[SliceHeader]) -> bool:
    """Whether InstanceNumber falls along the sorted slices; it must rise or fall throughout."""
    steps = np.diff([header.instance for header in headers])
    if (steps > 0).all() or (steps < 0).all():
        return bool(steps[0] < 0)
    k = int(np.argmax(np.sign(steps) != np.sign(np.median(steps)))) + 1
    reason = 'InstanceNumber and position disagree, so the slices of the label cannot be told'
    raise VolumeError(public_name(headers[k].path), reason, 'Download the series again')
