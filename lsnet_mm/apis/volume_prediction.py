"""What a model says about a volume, and what may be tidied of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from nibabel.affines import apply_affine
from scipy import ndimage

from ..volumes import ORIENTATION, Volume


@dataclass(frozen=True, eq=False)
class VolumePrediction:
    """What a model says about one volume.

    Slices are those that the net saw, those of ``mask.oriented('LAI')``. All else is in the axes of
    the input.

    Attributes:
        mask: uint8 classes, of the input's shape, affine and axes.
        boxes: One (n, 4) float32 for each slice: x1, y1, x2, y2, edges in pixels of the slice. Of a
            one-stage model all are empty.
        scores: One (n,) float32 for each slice.
        probability: uint8 probability of any foreground, 255 being 1, like ``mask``; or None.
        heatmaps: (slices, h, w) float16 in [0, 1], each covering its slice; or None.
    """

    mask: Volume
    boxes: list[np.ndarray]
    scores: list[np.ndarray]
    probability: Volume | None = None
    heatmaps: np.ndarray | None = None

    def with_mask(self, mask: Volume) -> VolumePrediction:
        """The same with another mask."""
        return replace(self, mask=mask)

    def volumes_ml(self, classes: Sequence[str]) -> dict[str, float]:
        """Volume of each class but the background."""
        voxel = abs(np.linalg.det(self.mask.affine[:3, :3])) / 1000
        counts = np.zeros(len(classes), int)
        for k in range(self.mask.voxels.shape[2]):  # a count of all voxels would copy them as int64
            counts += np.bincount(self.mask.voxels[..., k].ravel(), minlength=len(classes))
        volumes = (round(float(count * voxel), 3) for count in counts[1:])
        return dict(zip(classes[1:], volumes, strict=True))

    def box_edges(self) -> list[dict]:
        """All boxes in voxels of the input.

        Returns:
            list[dict]: ``from`` and ``to``, (3,) each: edges along the input's own axes, where
            voxel i covers [i, i + 1); and ``score``.
        """
        slices = self.mask.oriented(ORIENTATION)
        to_input = np.linalg.inv(self.mask.affine) @ slices.affine
        found = []
        for k, (boxes, scores) in enumerate(zip(self.boxes, self.scores, strict=True)):
            for (x1, y1, x2, y2), score in zip(boxes, scores, strict=True):
                corners = np.array([(x1, y1, k), (x2, y2, k + 1)], float)
                corners = apply_affine(to_input, corners - 0.5) + 0.5  # centres are where i is
                corners = np.sort(corners.round(2), axis=0) + 0.0  # no minus zero
                low, high = corners.tolist()
                found.append({'from': low, 'to': high, 'score': round(float(score), 4)})
        return found


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
