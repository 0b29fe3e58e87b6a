import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS

MAX_CHANNELS = 4  # of one cv2.warpAffine with a border value, before OpenCV 5


@TRANSFORMS.register_module()
class RandomCTAffine(BaseTransform):
    """Rotate, scale and shift image and masks together, by one resampling.

    Put it before :class:`BoxesFromMask`, which takes the boxes from the moved mask.

    Required keys: ``img`` (H, W) or (H, W, C), ``seg_fields``. Modified keys: ``img`` (bilinear)
    and every mask of ``seg_fields`` (nearest, 0 beyond the border); shapes and dtypes stay.

    Args:
        rotation: Largest angle, in degrees, to either side.
        scale: The isotropic factor is drawn from [1 - scale, 1 + scale].
        shift: Largest shift along each axis, as a fraction of the width and of the height.
        prob: Probability that a slice is moved at all.
        pad_value: Image value beyond the border, in the units of ``img``; 0 is the lower end of
            the window.
    """

    def __init__(
        self,
        rotation: float = 10.0,
        scale: float = 0.2,
        shift: float = 0.1,
        prob: float = 1.0,
        pad_value: float = 0.0,
    ) -> None:
        if not 0 <= scale < 1:
            raise ValueError(f'RandomCTAffine: scale must lie in [0, 1), got {scale}.')
        if not 0 <= prob <= 1:
            raise ValueError(f'RandomCTAffine: prob must lie in [0, 1], got {prob}.')
        self.rotation = rotation
        self.scale = scale
        self.shift = shift
        self.prob = prob
        self.pad_value = pad_value

    def transform(self, results: dict) -> dict:
        """Draw the parameters and move."""
        if np.random.rand() >= self.prob:
            return results
        height, width = results['img'].shape[:2]
        angle = np.random.uniform(-self.rotation, self.rotation)
        factor = np.random.uniform(1 - self.scale, 1 + self.scale)
        shift = np.random.uniform(-self.shift, self.shift, size=2) * (width, height)
        matrix = affine_matrix(angle, factor, shift, (width, height))
        results['img'] = _warp(results['img'], matrix, cv2.INTER_LINEAR, self.pad_value)
        for key in results['seg_fields']:
            results[key] = _warp(results[key], matrix, cv2.INTER_NEAREST, 0)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(rotation={self.rotation}, scale={self.scale}, '
            f'shift={self.shift}, prob={self.prob}, pad_value={self.pad_value})'
        )


def affine_matrix(
    angle: float, factor: float, shift: tuple[float, float], size: tuple[int, int]
) -> np.ndarray:
    """Rotation and scale about the image's centre, then a shift, in continuous coordinates.

    Args:
        angle: In degrees, from the x axis towards the y axis (clockwise as displayed).
        factor: Above 1 enlarges.
        shift: (x, y) in pixels.
        size: (width, height) in pixels; the centre is at half of it, pixel i covering [i, i + 1).

    Returns:
        np.ndarray: (2, 3); maps (x, y, 1) of the input to (x, y) of the output.
    """
    cos = factor * np.cos(np.deg2rad(angle))
    sin = factor * np.sin(np.deg2rad(angle))
    linear = np.array([[cos, -sin], [sin, cos]])
    centre = np.asarray(size) / 2
    return np.column_stack([linear, centre - linear @ centre + shift])


def _warp(image: np.ndarray, matrix: np.ndarray, flags: int, border: float) -> np.ndarray:
    # OpenCV counts from pixel centres: its index i is the continuous coordinate i + 0.5.
    half = np.full(2, 0.5)
    indexed = matrix.copy()
    indexed[:, 2] += matrix[:, :2] @ half - half
    size = (image.shape[1], image.shape[0])
    if image.ndim == 3 and image.shape[2] > MAX_CHANNELS:
        parts = np.split(image, range(MAX_CHANNELS, image.shape[2], MAX_CHANNELS), axis=2)
        return np.concatenate([_warp(part, matrix, flags, border) for part in parts], axis=2)
    moved = cv2.warpAffine(image, indexed, size, flags=flags, borderValue=(border,) * 4)
    return moved.reshape(image.shape)  # OpenCV drops a channel axis of 1
