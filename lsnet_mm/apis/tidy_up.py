from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..volumes import Volume


@dataclass(frozen=True)
class TidyUp:
    """Removes small parts of a mask in 3D, each class by itself. By default, nothing.

    Parts are 26-connected: voxels that share a corner belong together.

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
            Volume: Itself if there was nothing to remove.
        """
        if not (self.largest_component or self.min_volume_ml):
            return mask
        least = 1000 * self.min_volume_ml / abs(np.linalg.det(mask.affine[:3, :3]))
        removed = []
        # Box by box, so that no array of whole numbers has the size of the volume.
        for label, box in enumerate(ndimage.find_objects(mask.voxels), start=1):
            if box is None:
                continue
            parts, count = ndimage.label(mask.voxels[box] == label, np.ones((3, 3, 3)))
            sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
            kept = sizes >= least
            if self.largest_component:
                kept &= np.arange(count) == sizes.argmax()
            gone = np.concatenate([[False], ~kept])[parts]
            if gone.any():
                removed.append((box, gone))
        if not removed:
            return mask
        voxels = mask.voxels.copy(order='K')
        for box, gone in removed:
            voxels[box][gone] = 0
        return Volume(voxels, mask.affine)
