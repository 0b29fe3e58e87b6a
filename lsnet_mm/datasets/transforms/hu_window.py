from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS


@TRANSFORMS.register_module()
class HUWindow(BaseTransform):
    """Map a window of HU linearly to [0, 255] and clip what lies outside.

    The range is that of an 8-bit image, so what follows (data preprocessor, photometric
    transforms, visualizers) is the same for volumes and for image files. No value is rounded.

    Required and modified key: ``img`` (H, W) or (H, W, C), from HU to float32 in [0, 255].

    Args:
        window: Lower and upper end in HU. The default is that of the coarse-to-fine literature on
            Pancreas-CT; [-125, 275] is the other habit.
    """

    def __init__(self, window: Sequence[float] = (-100.0, 240.0)) -> None:
        low, high = window
        if not low < high:
            raise ValueError(f'HUWindow: window must be (low, high) in HU, got {tuple(window)}.')
        self.window = (float(low), float(high))

    def transform(self, results: dict) -> dict:
        """Window the image."""
        low, high = self.window
        grey = (results['img'].astype(np.float32) - low) * (255.0 / (high - low))
        results['img'] = np.clip(grey, 0.0, 255.0, out=grey)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(window={self.window})'
