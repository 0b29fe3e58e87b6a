"""Pictures of a volume and of what was found in it."""

from collections.abc import Sequence

import numpy as np

from ..volumes import ORIENTATION, Volume
from .volume_prediction import VolumePrediction


def grey_volume(volume: Volume, window: tuple[float, float] | None = None) -> np.ndarray:
    """A volume as a stack of slices as the net sees them, for pictures.

    Args:
        volume: In HU; or a mask.
        window: HU that become 0 and 255; None keeps the values.

    Returns:
        np.ndarray: (slices, rows, columns) uint8, made slice by slice.
    """
    slices = volume.oriented(ORIENTATION).voxels.T
    if window is None:
        return np.ascontiguousarray(slices, np.uint8)
    low, high = window
    grey = np.empty(slices.shape, np.uint8)
    for k, hu in enumerate(slices):
        grey[k] = np.rint(np.clip((hu - low) * (255 / (high - low)), 0, 255))
    return grey


def draw_preview(
    volume: Volume, found: VolumePrediction, window, title: str, classes: Sequence[str]
) -> tuple[bytes, bytes]:
    """Pictures of a study: a montage as PNG, and a page to scroll through as HTML.

    Args:
        volume: In HU.
        found: What the model says about it, with heatmaps if the page shall have them.
        window: HU of black and white.
        title: Of the page.
        classes: Names of the labels from 1 on.
    """
    from ..visualization.study import study_montage, study_page

    grey, mask = grey_volume(volume, window), grey_volume(found.mask)
    x, y, z = volume.oriented(ORIENTATION).spacing
    page = study_page(
        grey, mask, found.boxes, (y, x, z), found.heatmaps, title=title, classes=classes
    )
    return study_montage(grey, mask, found.boxes), page
