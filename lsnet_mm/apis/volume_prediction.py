from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from nibabel.affines import apply_affine

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
