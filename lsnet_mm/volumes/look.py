"""What a slice looks like, in numbers that 8-bit slices and windowed volumes have in common."""

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

#: Of what a summary gives the values.
QUANTILES = (0, 0.05, 0.5, 0.95, 1)
#: Grey values that a window has cut off, or nearly: JPG and resampling blur the ends. Halves: then
#: it does not matter whether greys were rounded.
DARK, BRIGHT = 9.5, 244.5
_SIDE = 128


def slice_look(grey: np.ndarray) -> dict[str, float] | None:
    """Measure a slice; what is looked at is at most 128 pixels wide and free of single ones.

    The *body* is the largest part that is not dark, with the gaps closed through which fat opens
    to the air, and all that it encloses. The table falls off, being thin.

    Args:
        grey: (H, W) in [0, 255], of a window that has muscle inside.

    Returns:
        dict: ``body``, its share of the slice; shares of it that are ``dark`` (air, and fat where
        the window ends above it) and ``bright`` (bone); the mean ``grey`` of the rest; ``hole``,
        the diameter of the largest dark disc in it by the side of a square of its area. None of
        a slice without a body.
    """
    step = -(-max(grey.shape) // _SIDE)
    grey = ndimage.median_filter(np.asarray(grey[::step, ::step], np.float32), 3)
    dark = grey < DARK
    solid = ndimage.binary_closing(np.pad(~dark, 4), iterations=4)[4:-4, 4:-4]
    parts, count = ndimage.label(ndimage.binary_opening(solid, iterations=2))
    if not count:
        return None
    body = ndimage.binary_fill_holes(parts == np.bincount(parts.ravel())[1:].argmax() + 1)
    inside = grey[body]
    rest = inside[(inside >= DARK) & (inside < BRIGHT)]
    radius = ndimage.distance_transform_edt(np.pad(dark & body, 1)).max()
    look = {
        'body': body.mean(),
        'dark': (inside < DARK).mean(),
        'bright': (inside >= BRIGHT).mean(),
        'grey': rest.mean() if rest.size else 0.0,
        'hole': 2 * radius / np.sqrt(inside.size),
    }
    return {key: float(value) for key, value in look.items()}


def summary(values: Iterable[float]) -> list[float] | None:
    """The :data:`QUANTILES` of some values, rounded; None of none."""
    values = list(values)
    return [float(f'{q:.4g}') for q in np.quantile(values, QUANTILES)] if values else None
