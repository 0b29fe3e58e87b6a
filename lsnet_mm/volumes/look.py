"""What a slice looks like, in numbers that 8-bit slices and windowed volumes have in common."""

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

#: Of what a summary gives the values.
QUANTILES = (0, 0.05, 0.5, 0.95, 1)
#: Grey values that a window has cut off, or nearly: JPG and resampling blur the ends. Halves: then
#: it does not matter whether greys were rounded.
DARK, BRIGHT = 9.5, 244.5
#: HU below which there is air, in lungs too, and above which there is tissue.
AIR, TISSUE = -500, -300
_SIDE = 128


def slice_look(grey: np.ndarray) -> dict[str, float] | None:
    """Measure a slice; what is looked at is at most 128 pixels wide and free of single ones.

    Args:
        grey: (H, W) in [0, 255], of a window that has muscle inside.

    Returns:
        dict: ``body``, its share of the slice; shares of it that are ``dark`` (air, and fat where
        the window ends above it) and ``bright`` (bone); the mean ``grey`` of the rest; ``apart``,
        the size of the second largest part by that of the body. None of a slice without a body.
    """
    grey = _reduced(grey)
    body, apart = _find_body(grey >= DARK)
    if not body.any():
        return None
    inside = grey[body]
    rest = inside[(inside >= DARK) & (inside < BRIGHT)]
    look = {
        'body': body.mean(),
        'dark': (inside < DARK).mean(),
        'bright': (inside >= BRIGHT).mean(),
        'grey': rest.mean() if rest.size else 0.0,
        'apart': apart,
    }
    return {key: float(value) for key, value in look.items()}


def air_share(hu: np.ndarray) -> float:
    """The share of air in the body, with its fat: that is around lungs where muscles are thin.

    Args:
        hu: A slice (H, W).
    """
    hu = _reduced(hu)
    body, _ = _find_body(hu > TISSUE)
    return float((hu[body] < AIR).mean()) if body.any() else 0.0


def _reduced(pixels: np.ndarray) -> np.ndarray:
    step = -(-max(pixels.shape) // _SIDE)
    return ndimage.median_filter(np.asarray(pixels[::step, ::step], np.float32), 3)


def _find_body(solid: np.ndarray) -> tuple[np.ndarray, float]:
    """The largest part with all that it encloses, gaps closed; and the second by it. A table falls
    off, being thin."""
    solid = ndimage.binary_closing(np.pad(solid, 4), iterations=4)[4:-4, 4:-4]
    parts, count = ndimage.label(ndimage.binary_opening(solid))
    if not count:
        return np.zeros_like(solid), 0.0
    sizes = np.bincount(parts.ravel())[1:]
    *_, second, largest = np.sort([0, *sizes])
    body = ndimage.binary_fill_holes(parts == sizes.argmax() + 1)
    return ndimage.binary_opening(body, iterations=2), second / largest


def summary(values: Iterable[float]) -> list[float] | None:
    """The ``QUANTILES`` of some values, rounded; None of none."""
    values = list(values)
    return [float(f'{q:.4g}') for q in np.quantile(values, QUANTILES)] if values else None
