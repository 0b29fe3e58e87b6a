"""What the pictures of a study ask of their input."""

from collections.abc import Sequence

import numpy as np


def check_study(volume: np.ndarray, mask: np.ndarray, boxes: Sequence[np.ndarray]) -> None:
    """Refuse a volume, mask and boxes that do not fit together.

    Raises:
        ValueError: If they do not.
    """
    if volume.ndim != 3 or not volume.size or volume.dtype != np.uint8:
        raise ValueError(
            f'volume must be uint8 (slices, rows, columns), got {volume.dtype} {volume.shape}'
        )
    if mask.shape != volume.shape or mask.dtype != np.uint8:
        raise ValueError(
            f'mask must be uint8 {volume.shape} as the volume, got {mask.dtype} {mask.shape}'
        )
    if len(boxes) != len(volume):
        raise ValueError(f'boxes must be one array a slice, got {len(boxes)} for {len(volume)}')


def check_measures(
    mask: np.ndarray,
    spacing: Sequence[float],
    heatmaps: np.ndarray | None,
    classes: Sequence[str],
) -> None:
    """Refuse a spacing, heatmaps and names of classes that do not fit the mask.

    Raises:
        ValueError: If they do not.
    """
    if len(spacing) != 3 or not all(np.isfinite(s) and s > 0 for s in spacing):
        raise ValueError(f'spacing must be (row, column, slice) in mm, got {spacing}')
    if mask.max() > len(classes):
        raise ValueError(f'mask has label {mask.max()}, but classes are only {list(classes)}')
    if heatmaps is not None and (heatmaps.ndim != 3 or len(heatmaps) != len(mask)):
        raise ValueError(f'heatmaps must be ({len(mask)}, h, w), got {heatmaps.shape}')
