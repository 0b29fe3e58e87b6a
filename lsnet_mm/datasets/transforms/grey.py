from collections.abc import Callable

import numpy as np


def on_channels(img: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Change an image; one whose channels are all the same is changed once and repeated.

    A CT slice has three channels only because backbones expect them. The comparison costs a
    fraction of what working on all three would.

    Args:
        img: (H, W) or (H, W, C).
        change: From (H, W, c) to (H, W, c), the same for every channel.

    Returns:
        np.ndarray: What ``change`` gives for ``img``, of its shape.
    """
    if img.ndim == 2:
        return change(img[..., None])[..., 0]
    channels = img.shape[2]
    if channels > 1 and all(np.array_equal(img[..., 0], img[..., c]) for c in range(1, channels)):
        return repeat(change(np.ascontiguousarray(img[..., :1]))[..., 0], channels)
    return change(img)


def repeat(grey: np.ndarray, channels: int) -> np.ndarray:
    """A grey image (H, W) as (H, W, channels), in memory channel by channel.

    That order is what a tensor needs, so that packing copies nothing.
    """
    planes = np.empty((channels, *grey.shape), grey.dtype)
    planes[:] = grey
    return planes.transpose(1, 2, 0)
