"""Data sets that are in the layout of nnU-Net or of the Medical Segmentation Decathlon already."""

import json
import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

import numpy as np

from ..volumes import Volume, VolumeError, public_name, read_nifti
from .labels import read_label
from .prepare import Case, Folds, Source, contiguous_folds

NIFTI = re.compile(r'([^.].*)\.nii(\.gz)?')
CHANNEL = re.compile(r'_\d{4}$')
#: HU span more than this; what spans less was scaled to other units.
LEAST_RANGE = 100
#: nnU-Net's number of folds, where no folds are given.
FOLDS = 5


def find_nnunet(folder: Path) -> Source:
    """Find the training cases of a data set.

    Args:
        folder: With ``imagesTr``, ``labelsTr``, ``dataset.json``, and perhaps
            ``splits_final.json``.

    Returns:
        Source: A case for every name that has an image or a label. An image and a label in NIfTI
        files, one each, must agree in shape and in geometry.

    Raises:
        ValueError: If ``dataset.json`` is missing or says what cannot be read, or there is no case.
    """
    description = _read_json(folder / 'dataset.json')
    classes = _classes(description.get('labels', {}))
    labels = _files(folder / 'labelsTr')
    images = _files(folder / 'imagesTr', cases=labels)
    names = sorted({*images, *labels})
    if not names:
        raise ValueError(f'{folder}: no NIfTI file in imagesTr or labelsTr.')
    cases = []
    for name in names:
        pair = images.get(name, []), labels.get(name, [])
        cases.append(Case(name, (*pair[0], *pair[1]), partial(_load, *pair, classes)))
    splits = folder / 'splits_final.json'
    folds = partial(_folds, _read_json(splits) if splits.is_file() else [])
    return Source(str(description.get('name', folder.name)), classes, tuple(cases), folds)


def _load(
    images: list[Path], labels: list[Path], classes: dict[str, int]
) -> tuple[Volume, Volume, dict]:
    for files, kind in ((images, 'image'), (labels, 'label')):
        if len(files) != 1:
            reason = f'it has {len(files)} files for its {kind}'
            raise VolumeError('the case', reason, 'Leave exactly one of one channel')
    image = _to_int16(read_nifti(images[0]), public_name(images[0]))
    label = read_label(labels[0], classes, image.voxels.shape)
    if not np.allclose(image.affine, label.affine, atol=1e-2):
        reason = 'the headers of the label and of its image put it in different places'
        raise VolumeError(public_name(labels[0]), reason, 'Correct the header that is wrong')
    return image, Volume(label.voxels, image.affine), {}


def _folds(given: Folds, done: list[str]) -> tuple[str, Folds]:
    if not given:
        return 'contiguous blocks', contiguous_folds(done, FOLDS)
    kept = [
        {part: [case for case in cases if case in done] for part, cases in fold.items()}
        for fold in given
    ]
    return 'those of the source', kept


def _read_json(path: Path) -> dict | list:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is missing or no JSON. Name the data set's folder.") from error


def _classes(labels: dict) -> dict[str, int]:
    """nnU-Net writes {"pancreas": 1}, the Decathlon {"1": "pancreas"}."""
    if labels and all(str(key).isdigit() for key in labels):
        labels = {name: int(value) for value, name in labels.items()}
    if 0 not in labels.values() or not all(isinstance(value, int) for value in labels.values()):
        raise ValueError(
            f'dataset.json: labels must give every class one number, and 0 to one, got {labels}.'
        )
    return dict(sorted(labels.items(), key=lambda item: item[1]))


def _files(folder: Path, cases: Collection[str] = ()) -> dict[str, list[Path]]:
    """NIfTI files by case. Unless it is one of ``cases``, a name may end in its channel."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('*')):
        match = NIFTI.fullmatch(path.name)
        if match is None:
            continue
        name = match[1]
        without = CHANNEL.sub('', name)
        if name not in cases and (without in cases or name.endswith('_0000')):
            name = without
        found.setdefault(name, []).append(path)
    return found


def _to_int16(image: Volume, where: str) -> Volume:
    voxels = image.voxels
    if voxels.dtype == np.int16:
        return image
    low, high = float(voxels.min()), float(voxels.max())
    limits = np.iinfo(np.int16)
    if not (limits.min <= low <= high <= limits.max) or high - low < LEAST_RANGE:
        reason = f'values from {low:g} to {high:g} are no HU'
        raise VolumeError(where, reason, 'Export the CT before any normalisation')
    rounded = np.rint(voxels) if voxels.dtype.kind == 'f' else voxels
    return Volume(rounded.astype(np.int16), image.affine)
