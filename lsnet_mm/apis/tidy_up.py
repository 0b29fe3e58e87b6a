"""Parts of a mask in 3D, and which of them are kept."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from ..volumes import Volume, VolumeError


@dataclass(frozen=True)
class TidyUp:
    """Removes small parts of a mask in 3D, each class by itself. By default, nothing.

    Parts are 26-connected: voxels that share a corner belong together. Of pictures, each is tidied
    by itself: nothing says how they follow each other.

    Attributes:
        largest_component: Keep the largest part of each class alone.
        min_volume_ml: Remove parts that are smaller.
    """

    largest_component: bool = False
    min_volume_ml: float = 0.0

    def __post_init__(self) -> None:
        if self.min_volume_ml < 0:
            raise ValueError(f'TidyUp: min_volume_ml must not be negative: {self.min_volume_ml}.')

    def __call__(self, mask: Volume) -> Volume:
        """Tidy a mask of classes.

        Args:
            mask: uint8; it is left as it is.

        Returns:
            Volume: Itself if nothing was asked for.

        Raises:
            VolumeError: If pictures are to be tidied by millilitres.
        """
        if not (self.largest_component or self.min_volume_ml):
            return mask
        if mask.picture and self.min_volume_ml:
            raise VolumeError('the picture', 'it has no millilitres', 'Do not tidy it by these')
        if mask.picture and mask.voxels.shape[2] > 1:
            slices = (mask.voxels[..., k : k + 1] for k in range(mask.voxels.shape[2]))
            tidied = [self(replace(mask, voxels=one)).voxels for one in slices]
            return replace(mask, voxels=np.concatenate(tidied, axis=2))
        tidied = replace(mask, voxels=mask.voxels.copy(order='K'))
        for _, box, parts, sizes in parts_of(mask):
            kept = sizes >= self.min_volume_ml * (1 - 1e-9)  # sums are rounded
            if self.largest_component:
                kept &= np.arange(len(sizes)) == sizes.argmax()
            tidied.voxels[box][np.concatenate([[False], ~kept])[parts]] = 0
        return tidied


def parts_of(mask: Volume) -> Iterator[tuple[int, tuple[slice, ...], np.ndarray, np.ndarray]]:
    """The 26-connected parts of each class of a mask.

    Yields:
        tuple: Label; its box in the volume; numbers of the parts in that, 0 for what is of none;
        and ml of each part from number 1.
    """
    # Box by box, so that no array of whole numbers has the size of the volume.
    around = _around(mask.voxels)
    for label, found in enumerate(ndimage.find_objects(mask.voxels[around]), start=1):
        if found is None:
            continue
        box = tuple(
            slice(a.start + f.start, a.start + f.stop) for a, f in zip(around, found, strict=True)
        )
        parts, count = ndimage.label(mask.voxels[box] == label, np.ones((3, 3, 3)))
        counts = [np.bincount(one.ravel(), minlength=count + 1)[1:] for one in parts.T]
        yield label, box, parts, mask.voxel_ml[box[2]] @ counts


def _around(voxels: np.ndarray) -> tuple[slice, ...]:
    """The box of all that is not 0: `find_objects` takes seconds for a whole scan, most of it air.

    Along the axis that lies widest in memory first, slice by slice.
    """
    box = [slice(0, size) for size in voxels.shape]
    for axis in np.argsort(np.abs(voxels.strides))[::-1]:
        others = tuple({0, 1, 2} - {axis})
        filled = np.flatnonzero(voxels[tuple(box)].any(axis=others))
        if not len(filled):
            return (slice(0, 1),) * 3  # scipy takes none without voxels
        box[axis] = slice(int(filled[0]), int(filled[-1]) + 1)
    return tuple(box)
