import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS


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
            raise ValueError(
                'RandomIntensity: brightness, contrast, gamma and noise must not be negative, got '
                f'{brightness}, {contrast}, {gamma}, {noise}.'
            )
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

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, '
            f'gamma={self.gamma}, noise={self.noise})'
        )
