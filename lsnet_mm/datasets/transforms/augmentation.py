"""Random changes of slices in training."""

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
    and every mask of ``seg_fields`` (nearest); shapes and dtypes stay. Beyond the border both are
    0, for an image the lower end of its window.

    Args:
        rotation: Largest angle, in degrees, to either side.
        scale: The isotropic factor is drawn from [1 - scale, 1 + scale].
        shift: Largest shift along each axis, as a fraction of the width and of the height.
        prob: Probability that a slice is moved at all.
    """

    def __init__(
        self, rotation: float = 10.0, scale: float = 0.2, shift: float = 0.1, prob: float = 1.0
    ) -> None:
        if not 0 <= scale < 1:
            raise ValueError(f'RandomCTAffine: scale must lie in [0, 1), got {scale}.')
        if not 0 <= prob <= 1:
            raise ValueError(f'RandomCTAffine: prob must lie in [0, 1], got {prob}.')
        self.rotation = rotation
        self.scale = scale
        self.shift = shift
        self.prob = prob

    def transform(self, results: dict) -> dict:
        """Draw the parameters and move."""
        if np.random.rand() >= self.prob:
            return results
        height, width = results['img'].shape[:2]
        angle = np.random.uniform(-self.rotation, self.rotation)
        factor = np.random.uniform(1 - self.scale, 1 + self.scale)
        shift = np.random.uniform(-self.shift, self.shift, size=2) * (width, height)
        matrix = affine_matrix(angle, factor, shift, (width, height))
        results['img'] = _warp(results['img'], matrix, cv2.INTER_LINEAR)
        for key in results['seg_fields']:
            results[key] = _warp(results[key], matrix, cv2.INTER_NEAREST)
        return results


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


def _warp(image: np.ndarray, matrix: np.ndarray, flags: int) -> np.ndarray:
    # OpenCV counts from pixel centres: its index i is the continuous coordinate i + 0.5.
    half = np.full(2, 0.5)
    indexed = matrix.copy()
    indexed[:, 2] += matrix[:, :2] @ half - half
    size = (image.shape[1], image.shape[0])
    if image.ndim == 3 and image.shape[2] > MAX_CHANNELS:
        parts = np.split(image, range(MAX_CHANNELS, image.shape[2], MAX_CHANNELS), axis=2)
        return np.concatenate([_warp(part, matrix, flags) for part in parts], axis=2)
    moved = cv2.warpAffine(image, indexed, size, flags=flags)
    return moved.reshape(image.shape)  # OpenCV drops a channel axis of 1


@TRANSFORMS.register_module()
class RandomIntensity(BaseTransform):
    """Vary contrast, brightness, gamma and noise of an image in [0, 255].

    The same change goes to all channels, noise included, so what is grey stays grey.

    Required and modified key: ``img`` (H, W) or (H, W, C), to float32 in [0, 255].

    Args:
        brightness: Largest shift, as a fraction of the range.
        contrast: The factor about the image's mean is drawn from [1 - contrast, 1 + contrast].
        gamma: The exponent is drawn from exp([-gamma, gamma]).
        noise: Largest standard deviation of Gaussian noise, as a fraction of the range.
    """

    def __init__(
        self,
        brightness: float = 0.1,
        contrast: float = 0.1,
        gamma: float = 0.1,
        noise: float = 0.02,
    ) -> None:
        if min(brightness, contrast, gamma, noise) < 0:
            got = f'{brightness}, {contrast}, {gamma}, {noise}'
            raise ValueError(f'RandomIntensity: no argument must be negative, got {got}.')
        self.brightness = brightness
        self.contrast = contrast
        self.gamma = gamma
        self.noise = noise

    def transform(self, results: dict) -> dict:
        """Draw the parameters and change the image."""
        # Python floats keep float32 arrays at float32; NumPy's own float64 scalars would not.
        img = results['img'].astype(np.float32) / 255
        mean = float(img.mean())
        img -= mean
        img *= 1 + np.random.uniform(-self.contrast, self.contrast)
        img += mean + np.random.uniform(-self.brightness, self.brightness)
        np.clip(img, 0, 1, out=img)
        exponent = float(np.exp(np.random.uniform(-self.gamma, self.gamma)))
        img = cv2.pow(img, exponent).reshape(img.shape)  # OpenCV drops a channel axis of 1
        deviation = np.random.uniform(0, self.noise)
        if deviation > 0:
            # OpenCV draws float32 many times as fast as NumPy's global state draws float64. It is
            # seeded from that state, so a seed still repeats everything.
            cv2.setRNGSeed(np.random.randint(2**31 - 1))
            noise = cv2.randn(np.empty(img.shape[:2], np.float32), 0.0, deviation)
            img += noise if img.ndim == 2 else noise[..., None]
        np.clip(img, 0, 1, out=img)
        img *= 255
        results['img'] = img
        return results
