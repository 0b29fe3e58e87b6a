from __future__ import annotations

from dataclasses import dataclass

import nibabel as nib
import numpy as np
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)

#: Columns to the left, rows to the front, slices to the feet: the axes of Pancreas-CT's files.
#: All that a net sees is brought to them, or it would be shown some patients upside down.
ORIENTATION = 'LAI'


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels and where they are in the patient.

    Attributes:
        voxels: (X, Y, Z): columns, rows and slices of a CT as it was read. Fortran order makes a
            slice ``[:, :, k]`` one block of memory.
        affine: (4, 4) from voxel indices to millimetres to the right, the front and the head of
            the patient (RAS, as in NIfTI).
    """

    voxels: np.ndarray
    affine: np.ndarray

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
    def orientation(self) -> str:
        """Where the three axes point, nearly: ``'LAI'`` is left, anterior (front), inferior."""
        return ''.join(nib.aff2axcodes(self.affine))

    def oriented(self, codes: str) -> Volume:
        """The same voxels at the same places with their axes in another order and direction.

        Args:
            codes: One letter an axis, such as ``'LAI'``.

        Returns:
            Volume: Itself if it is so already; else views into the same memory.
        """
        if codes == self.orientation:
            return self
        change = ornt_transform(io_orientation(self.affine), axcodes2ornt(codes))
        affine = self.affine @ inv_ornt_aff(change, self.voxels.shape)
        return Volume(apply_orientation(self.voxels, change), affine)
