"""A volume in a patient, and the error that refuses one without what could name the patient."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel import orientations

#: Columns to the left, rows to the front, slices to the feet, as in Pancreas-CT's files. All
#: that a net sees is brought to them, or it would be shown some patients upside down.
ORIENTATION = 'LAI'
#: As radiologists look at slices, the front at the top, the patient's right on the left.
READING = 'LPI'
#: What mends a damaged series.
RELOAD = 'Download the series again'
# What scanners and downloaders number files with; anything else may hold a name, a date or a UID.
# Six digits are a date of birth (840512), and with four more they are who was born then, so longer
# numbers must begin with zeros that no date begins with, and of two one is short.
_HARMLESS = re.compile(
    r'(i|im|img|image|slice|ct|label|pancreas)?[-_]?'
    r'(0{4,}\d{1,3}|\d{1,5}|0{0,3}\d[-_]\d{1,4}|\d{1,3}[-_]\d{1,3})'
    r'(_0000)?(\.dcm|\.nii|\.nii\.gz|\.png|\.jpe?g)?',
    re.IGNORECASE | re.ASCII,
)


# DICOM's dates are numbers, and damage puts them where others belong.
_DATE = re.compile(r'\b(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])(\.0)?\b', re.ASCII)


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels and where they are in the patient.

    Attributes:
        voxels: (X, Y, Z): columns, rows and slices of a CT as it was read. Fortran order makes a
            slice ``[:, :, k]`` one block of memory.
        affine: (4, 4) from voxel indices to millimetres to the right, the front and the head of
            the patient (RAS, as in NIfTI).
        notes: What had to be assumed of it, each as the end of a sentence about its file.
        irregular: Why its slices, ``[:, :, k]``, form no straight grid; None: they do. Then its
            affine is one of even steps from the first slice to the last.
        heights: (Z,) mm along the normal, where its slices are if they are irregular.
        picture: HU of grey 0 and 255 if its slices are pictures. Then nothing is known in
            millimetres, or how slices follow each other: its affine counts pixels.
        phantom: Whether its headers call it one of this package: no patient.
    """

    voxels: np.ndarray
    affine: np.ndarray
    notes: tuple[str, ...] = ()
    irregular: VolumeError | None = None
    heights: np.ndarray | None = None
    picture: tuple[float, float] | None = None
    phantom: bool = False

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or self.affine.shape != (4, 4):
            raise ValueError(
                'Volume needs voxels (X, Y, Z) and an affine (4, 4), '
                f'got {self.voxels.shape} and {self.affine.shape}.'
            )

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Voxel size (x, y, z) in mm."""
        return tuple(float(size) for size in nib.affines.voxel_sizes(self.affine))

    @property
    def voxel_ml(self) -> np.ndarray:
        """(Z,) millilitres of a voxel of each slice, which reaches half way to the next ones."""
        if self.irregular is None:
            one = abs(np.linalg.det(self.affine[:3, :3])) / 1000
            return np.full(self.voxels.shape[2], one)
        area = np.linalg.norm(np.cross(*self.affine[:3, :2].T))
        return area * np.abs(np.gradient(self.heights)) / 1000

    @property
    def orientation(self) -> str:
        """Where the three axes point, nearly; ``'LAI'`` is left, anterior (front), inferior."""
        return ''.join(nib.aff2axcodes(self.affine))

    def oriented(self, codes: str) -> Volume:
        """The same voxels at the same places with their axes in another order and direction.

        Args:
            codes: One letter an axis, such as ``'LAI'``.

        Returns:
            Volume: Itself if it is so already; else views into the same memory.

        Raises:
            VolumeError: If slices would be cut across others that form no straight grid.
        """
        if codes == self.orientation:
            return self
        axes = orientations.io_orientation(self.affine)
        change = orientations.ornt_transform(axes, orientations.axcodes2ornt(codes))
        affine = self.affine @ orientations.inv_ornt_aff(change, self.voxels.shape)
        turned = replace(
            self, voxels=orientations.apply_orientation(self.voxels, change), affine=affine
        )
        if self.irregular is None:
            return turned
        axis, direction = change[2]
        if axis != 2:
            reason = f'its slices are {self.orientation[:2]}, and: {self.irregular.reason}'
            raise VolumeError(self.irregular.where, reason, self.irregular.fix)
        return replace(turned, heights=self.heights[:: int(direction)])


class VolumeError(ValueError):
    """A volume that is refused: what, why, and what would mend it.

    Its text holds no path, name, date or UID, so that it may stand in logs and reports: a file is
    called by :func:`public_name`.

    Args:
        where: File or series.
        reason: What is wrong with it.
        fix: What to do about it, as a sentence without its stop.
    """

    def __init__(self, where: str, reason: str, fix: str):
        reason = _DATE.sub('a date', reason)
        super().__init__(where, reason, fix)  # all three, or it cannot travel between processes
        self.where, self.reason, self.fix = where, reason, fix

    def __str__(self) -> str:
        return f'{self.where}: {self.reason}. {self.fix}.'


class MissingSlices(VolumeError):
    """A series with a gap, as when a download was not complete."""


def public_name(path: Path) -> str:
    """What a message may call a file: its own name if that is a number, else its place.

    Args:
        path: The file.

    Returns:
        str: Such as ``'1-007.dcm'`` or ``'file 7 of 24'`` of its folder, by name.
    """
    if _HARMLESS.fullmatch(path.name):
        return path.name
    names = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
    if path.name not in names:
        return 'a file'
    return f'file {names.index(path.name) + 1} of {len(names)}'
