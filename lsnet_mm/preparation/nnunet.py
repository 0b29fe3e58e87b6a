"""Data sets that are in the layout of nnU-Net or of the Medical Segmentation Decathlon already."""

import hashlib
import json
import os
import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

import numpy as np

from ..utils.layout import only_channel
from ..volumes import (
    Volume,
    VolumeError,
    check_finite,
    check_hu,
    check_placement,
    is_nifti,
    public_name,
    read_nifti,
)
from .labels import read_label
from .prepare import Case, Folds, Source, contiguous_folds

NIFTI = re.compile(r'([^.].*)\.nii(\.gz)?', re.IGNORECASE | re.DOTALL)
CHANNEL = re.compile(r'_\d{4}$')
#: Words that public data sets and nnU-Net call cases by; any other may be somebody's name.
WORDS = (
    'abdomen|amos|aorta|bdmap|bladder|brain|brats|btcv|case|chaos|chest|colon|ct|flare|heart|'
    'hepaticvessel|hippocampus|image|img|kidney|kits|label|lesion|lits|liver|lung|msd|organ|'
    'pancreas|patient|phantom|prostate|scan|segthor|series|spleen|stomach|study|sub|subject|'
    'test|thorax|totalsegmentator|train|tumor|verse|volume|word'
)
#: Names of cases that say whose they are to nobody: a number that is no date or id, alone or after
#: one of these words or a letter, as of a data set, its year and its part: FLARE22_Tr_0001.
HARMLESS = re.compile(
    rf'(({WORDS})(\d\d[-_])?|[a-z])?([-_]?(t[rs]|ct))?[-_]?(0{{4,}}\d{{1,3}}|\d{{1,5}})',
    re.IGNORECASE | re.ASCII,
)
#: nnU-Net's number of folds, where no folds are given.
FOLDS = 5
INT16 = np.iinfo(np.int16)


def find_nnunet(folder: Path, assume_hu: bool = False, keep_names: bool = False) -> Source:
    """Find the training cases of a data set.

    A case keeps the name of its files where that is a number, or one of some words and a number. Of
    any other name, which may be a patient's, the case gets a digest, always the same.

    Args:
        folder: With ``imagesTr``, ``labelsTr``, ``dataset.json``, and perhaps
            ``splits_final.json``.
        assume_hu: Take the images for CT in HU, whatever they look like or are called.
        keep_names: Keep all names that can be printed.

    Returns:
        Source: A case for every name that has an image or a label. An image and a label in NIfTI
        files, one each, must agree in shape and in geometry.

    Raises:
        ValueError: If ``dataset.json`` is missing or says what cannot be trained on, there is no
            case, or the folds name others.
    """
    path = folder / 'dataset.json'
    description = _read_json(path, dict)
    channel = 'CT' if assume_hu else only_channel(path, description)
    classes = _classes(description.get('labels', {}))
    labels = _files(folder / 'labelsTr')
    images = _files(folder / 'imagesTr', cases=labels)
    names = sorted({*images, *labels})
    if not names:
        raise ValueError(f'{folder}: no NIfTI file in imagesTr or labelsTr.')
    called = {name: _case_name(name, keep_names) for name in names}
    cases = []
    for name in names:
        pair = images.get(name, []), labels.get(name, [])
        load = partial(_load, *pair, classes, assume_hu)
        cases.append(Case(called[name], (*pair[0], *pair[1]), load))
    changed, told = sum(old != new for old, new in called.items()), description.get('numTraining')
    notes = {
        f'{changed} case(s) are called by a digest: their file names may name patients '
        '(--keep-names)': changed,
        f'dataset.json tells of {told} training cases, {len(names)} have files': (
            type(told) is int and told != len(names)
        ),
    }
    splits = folder / 'splits_final.json'
    folds = partial(_folds, _given_folds(splits, called) if splits.is_file() else [])
    return Source(
        str(description.get('name', folder.name)),
        classes,
        tuple(sorted(cases, key=lambda case: case.name)),
        folds,
        tuple(note for note, holds in notes.items() if holds),
        channel,
        description.get('synthetic') is True,
    )


def _case_name(name: str, keep: bool) -> str:
    if HARMLESS.fullmatch(name) or (keep and name.isprintable()):
        return name
    return f'case_{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}'


def _load(
    images: list[Path], labels: list[Path], classes: dict[str, int], assume_hu: bool
) -> tuple[Volume, Volume, dict]:
    for files, kind in ((images, 'image'), (labels, 'label')):
        if len(files) != 1:
            reason = f'it has {len(files)} files for its {kind}'
            raise VolumeError('the case', reason, 'Leave exactly one of one channel')
    image = _read_image(images[0], assume_hu)
    label = read_label(labels[0], classes, image.voxels.shape)
    if not np.allclose(image.affine, label.affine, atol=1e-2):
        reason = 'the headers of the label and of its image put it in different places'
        raise VolumeError(public_name(labels[0]), reason, 'Correct the header that is wrong')
    return image, Volume(label.voxels, image.affine), {}


def _given_folds(path: Path, called: dict[str, str]) -> Folds:
    """The folds of a file, by the names that cases are called here."""
    folds = _read_json(path, list)
    for fold in folds:
        lists = fold.values() if isinstance(fold, dict) else [None]
        if not all(isinstance(cases, list) for cases in lists):
            raise ValueError(
                f'{path}: every fold must be {{"train": [cases], "val": [cases]}}. Correct it, or '
                'remove it to have the cases divided anew.'
            )
        unknown = sum(str(case) not in called for cases in lists for case in cases)
        if unknown or not any(lists):
            what = f'{unknown} case(s) that have no file' if unknown else 'no case'
            raise ValueError(
                f'{path}: a fold names {what}. Name cases as their label files, '
                'without ending; or remove the file to have the cases divided anew.'
            )
    return [{part: [called[str(c)] for c in cases] for part, cases in f.items()} for f in folds]


def _folds(given: Folds, done: list[str]) -> tuple[str, Folds]:
    if not given:
        return 'contiguous blocks', contiguous_folds(done, FOLDS)
    kept = [
        {part: [case for case in cases if case in done] for part, cases in fold.items()}
        for fold in given
    ]
    return 'those of the source', kept


def _read_json(path: Path, kind: type) -> dict | list:
    try:
        content = json.loads(path.read_bytes())  # in UTF-8 or 16, with a mark or without
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is missing or no JSON. Name the data set's folder.") from error
    if not isinstance(content, kind):
        raise ValueError(f'{path} must hold a JSON {kind.__name__}. Correct it.')
    return content


def _classes(labels: object) -> dict[str, int]:
    """nnU-Net writes {"pancreas": 1}, the Decathlon {"1": "pancreas"}."""
    labels = labels if isinstance(labels, dict) else {'?': labels}
    if labels and all(str(key).isdecimal() and isinstance(v, str) for key, v in labels.items()):
        labels = {name: int(value) for value, name in labels.items()}
    if not all(type(value) is int for value in labels.values()) or 0 not in labels.values():
        raise ValueError(
            f'dataset.json: labels must give every class one number, and 0 to one, got {labels}.'
        )
    gaps = sorted(labels.values()) != list(range(len(labels)))
    if gaps or labels.get('background', 0) or 'ignore' in labels:
        raise ValueError(
            'dataset.json: labels must number the classes 0, 1, 2 and so on, background 0, each '
            f"once, and nnU-Net's 'ignore' is none; got {labels}. Change the numbers in the label "
            'files and here.'
        )
    return dict(sorted(labels.items(), key=lambda item: item[1]))


def _files(folder: Path, cases: Collection[str] = ()) -> dict[str, list[Path]]:
    """NIfTI files by case. Unless it is one of ``cases``, a name may end in its channel."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('*')):
        match = NIFTI.fullmatch(path.name)
        if match is None or not is_nifti(path):
            continue
        name = match[1]
        without = CHANNEL.sub('', name)
        if name not in cases and (without in cases or name.endswith('_0000')):
            name = without
        found.setdefault(name, []).append(path)
    return found


def _read_image(path: Path, assume_hu: bool) -> Volume:
    """In int16; what is below -1024 is padding, and where it does not fit it becomes that."""
    image, where = read_nifti(path), public_name(path)
    voxels = image.voxels
    for k in range(voxels.shape[2]):
        check_finite(voxels[..., k], k, where)
    if not assume_hu:
        check_hu(voxels, where)
    notes = check_placement(path)
    if voxels.dtype != np.int16:
        if voxels.max() > INT16.max:
            reason = f'values up to {voxels.max():g} are no HU'
            raise VolumeError(where, reason, 'Export the CT before any normalisation')
        if voxels.min() < INT16.min:
            voxels = voxels.clip(-1024, None)
        voxels = (np.rint(voxels) if voxels.dtype.kind == 'f' else voxels).astype(np.int16)
    return Volume(voxels, image.affine, notes)
