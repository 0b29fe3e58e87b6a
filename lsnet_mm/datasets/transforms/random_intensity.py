import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomIntensity(BaseTransform):
    """Vary contrast, brightness, gamma and noise of an image in [0, 255].

    The same change goes to all channels, so a repeated grey slice stays grey.

    Required and modified key: ``img`` (H, W, C), to float32 in [0, 255].

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
        img = results['img'].astype(np.float32) / 255
        mean = img.mean()
        img = (img - mean) * (1 + np.random.uniform(-self.contrast, self.contrast)) + mean
        img += np.random.uniform(-self.brightness, self.brightness)
        img = np.clip(img, 0, 1) ** np.exp(np.random.uniform(-self.gamma, self.gamma))
        deviation = np.random.uniform(0, self.noise)
        if deviation > 0:
            img += deviation * np.random.standard_normal((*img.shape[:2], 1))
        results['img'] = (np.clip(img, 0, 1) * 255).astype(np.float32)
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, '
            f'gamma={self.gamma}, noise={self.noise})'
        )
