"""What is to be prepared: a patient of a data set, and the data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..utils.files import fingerprint
from ..volumes import Volume, VolumeError, public_name, read_nifti

Folds = list[dict[str, list[str]]]
#: Counts up when the same input gives other output than before, so that old output is made again.
VERSION = 1


@dataclass(frozen=True)
class Case(ABC):
    """One patient of a data set that is to be prepared; it may turn out to be unusable.

    Attributes:
        name: In the prepared data set, such as ``'PANCREAS_0001'``.
    """

    name: str

    @property
    @abstractmethod
    def files(self) -> list[Path]:
        """Everything that is read for this case."""

    @abstractmethod
    def load(self) -> tuple[Volume, Volume, dict]:
        """Read and check.

        Returns:
            tuple: The image (int16 HU), the label (uint8) of the same geometry, both with the axes
            :data:`~lsnet_mm.volumes.ORIENTATION`, and what the checks measured, for the report.

        Raises:
            VolumeError: If anything is wrong.
        """

    def fingerprint(self) -> str:
        """A digest that changes when a file of the case is replaced; no file is opened."""
        return fingerprint(self.files, salt=f'{VERSION}')


@dataclass(frozen=True)
class Source:
    """A data set as it was found, before anything of it is read in full.

    Attributes:
        name: Short name of the data, for ``dataset.json`` and result folders.
        labels: nnU-Net's ``labels``: value of each class.
        cases: By name.
        notes: What was left aside, for the report.
        given_folds: Folds that came with the data set; empty where they follow from the cases.
    """

    name: str
    labels: dict[str, int]
    cases: tuple[Case, ...]
    notes: tuple[str, ...] = ()
    given_folds: tuple[dict[str, list[str]], ...] = ()


def read_label(path: Path, classes: dict[str, int]) -> Volume:
    """Read a label volume and check its values.

    Args:
        path: A ``.nii`` or ``.nii.gz`` file.
        classes: Value of each class, background included.

    Returns:
        Volume: uint8.

    Raises:
        VolumeError: If the file is damaged or holds a value that is no class.
    """
    volume = read_nifti(path)
    allowed = sorted(classes.values())
    # By comparisons: the table that numpy makes of whole numbers is eight times the volume.
    wrong = volume.voxels[~np.isin(volume.voxels, allowed, kind='sort')]
    if wrong.size:
        found = ', '.join(f'{value:g}' for value in np.unique(wrong)[:5])
        fix = 'Divide it by 255' if 255 in wrong else 'Correct the label, or dataset.json'
        reason = f'label values must be {", ".join(map(str, allowed))}, found {found}'
        raise VolumeError(public_name(path), reason, fix)
    return Volume(volume.voxels.astype(np.uint8, copy=False), volume.affine)
