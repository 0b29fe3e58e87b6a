"""Data sets that are in the layout of nnU-Net or of the Medical Segmentation Decathlon already."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..volumes import ORIENTATION, Volume, VolumeError, public_name, read_nifti
from .case import Case, Source, read_label

ENDINGS = ('.nii.gz', '.nii')
CHANNEL = re.compile(r'_\d{4}$')
#: HU span more than this; what spans less was scaled to other units.
LEAST_RANGE = 100


@dataclass(frozen=True)
class NNUNetCase(Case):
    """An image and a label in NIfTI files, which must agree in shape and in geometry.

    Attributes:
        images: There must be one.
        labels: There must be one.
        classes: Value of each class.
    """

    images: tuple[Path, ...]
    labels: tuple[Path, ...]
    classes: tuple[tuple[str, int], ...]

    @property
    def files(self) -> list[Path]:
        return [*self.images, *self.labels]

    def load(self) -> tuple[Volume, Volume, dict]:
        for files, kind in ((self.images, 'image'), (self.labels, 'label')):
            if len(files) != 1:
                reason = f'it has {len(files)} files for its {kind}'
                raise VolumeError('the case', reason, 'Leave exactly one of one channel')
        (image_file,), (label_file,) = self.images, self.labels
        image = _to_int16(read_nifti(image_file), public_name(image_file))
        label = read_label(label_file, dict(self.classes))
        if image.voxels.shape != label.voxels.shape:
            reason = f'the label is {label.voxels.shape}, its image is {image.voxels.shape}'
            raise VolumeError(public_name(label_file), reason, 'Export both at the same size')
        if not np.allclose(image.affine, label.affine, atol=1e-2):
            reason = 'the headers of the label and of its image put it in different places'
            raise VolumeError(public_name(label_file), reason, 'Correct the header that is wrong')
        label = Volume(label.voxels, image.affine)
        return image.oriented(ORIENTATION), label.oriented(ORIENTATION), {}


def find_nnunet(folder: Path) -> Source:
    """Find the training cases of a data set.

    Args:
        folder: With ``imagesTr``, ``labelsTr``, ``dataset.json``, and perhaps
            ``splits_final.json``.

    Returns:
        Source: A case for every name that has an image or a label.

    Raises:
        ValueError: If ``dataset.json`` is missing or says what cannot be read, or there is no case.
    """
    description = _read_json(folder / 'dataset.json')
    classes = _classes(description.get('labels', {}))
    labels = _files(folder / 'labelsTr')
    images = _files(folder / 'imagesTr', cases=labels)
    names = sorted({*images, *labels})
    if not names:
        raise ValueError('no NIfTI file in imagesTr or labelsTr.')
    cases = tuple(
        NNUNetCase(name, tuple(images.get(name, ())), tuple(labels.get(name, ())), tuple(classes))
        for name in names
    )
    splits = folder / 'splits_final.json'
    folds = tuple(json.loads(splits.read_text())) if splits.is_file() else ()
    return Source(str(description.get('name', folder.name)), dict(classes), cases, (), folds)


def _read_json(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"{path.name} is missing or no JSON. Name the data set's folder."
        ) from error


def _classes(labels: dict) -> list[tuple[str, int]]:
    """nnU-Net writes {"pancreas": 1}, the Decathlon {"1": "pancreas"}."""
    if labels and all(str(key).isdigit() for key in labels):
        labels = {name: int(value) for value, name in labels.items()}
    if 0 not in labels.values() or not all(isinstance(value, int) for value in labels.values()):
        raise ValueError(
            f'dataset.json: labels must give every class one number, and 0 to one, got {labels}.'
        )
    return sorted(labels.items(), key=lambda item: item[1])


def _files(folder: Path, cases: Collection[str] = ()) -> dict[str, list[Path]]:
    """NIfTI files by case. Unless it is one of ``cases``, a name may end in its channel."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.glob('*.nii*')):
        ending = next((end for end in ENDINGS if path.name.endswith(end)), None)
        if ending is None or path.name.startswith('.'):
            continue
        name = path.name[: -len(ending)]
        without = CHANNEL.sub('', name)
        if name not in cases and (without in cases or name.endswith('_0000')):
            name = without
        found.setdefault(name, []).append(path)
    return found


def _to_int16(image: Volume, where: str) -> Volume:
    if image.voxels.dtype == np.int16:
        return image
    low, high = float(image.voxels.min()), float(image.voxels.max())
    limits = np.iinfo(np.int16)
    if not (limits.min <= low <= high <= limits.max) or high - low < LEAST_RANGE:
        reason = f'values from {low:g} to {high:g} are no HU'
        raise VolumeError(where, reason, 'Export the CT before any normalisation')
    voxels = image.voxels
    if voxels.dtype.kind == 'f':
        voxels = np.rint(voxels)
    return Volume(voxels.astype(np.int16), image.affine)
