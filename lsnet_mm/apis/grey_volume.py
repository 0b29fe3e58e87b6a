import numpy as np

from ..volumes import ORIENTATION, Volume


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
