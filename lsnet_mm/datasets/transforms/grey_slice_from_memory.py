from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from ...registry import TRANSFORMS
from .hu_window import HUWindow


@TRANSFORMS.register_module()
class GreySliceFromMemory(BaseTransform):
    """A slice of a volume in memory, as ``LoadImageFromFile`` would give it from an 8-bit file.

    Required keys: ``voxels`` (X, Y, Z) in HU, ``slice_index``. Added keys: ``img`` (H, W, 3) or
    (H, W), ``img_shape`` and ``ori_shape`` (H, W).

    Args:
        window: HU that became 0 and 255 when the files were made.
        to_float32: As in ``LoadImageFromFile``; else the image is uint8.
        color_type: As in ``LoadImageFromFile``: ``'color'`` for three equal channels,
            ``'grayscale'`` for none.
    """

    def __init__(
        self,
        window: Sequence[float] = (0.0, 255.0),
        to_float32: bool = False,
        color_type: str = 'color',
    ) -> None:
        self.hu_window = HUWindow(window)
        self.to_float32 = to_float32
        self.color_type = color_type

    @property
    def window(self) -> tuple[float, float]:
        return self.hu_window.window

    def transform(self, results: dict) -> dict:
        """Take the slice, clip it to the window and round it."""
        voxels = results['voxels'][..., results['slice_index']].T
        grey = np.rint(self.hu_window.transform(dict(img=voxels))['img'])
        grey = grey.astype(np.float32 if self.to_float32 else np.uint8)
        results['img'] = grey if self.color_type == 'grayscale' else np.dstack([grey] * 3)
        results['img_shape'] = results['ori_shape'] = grey.shape
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(window={self.window}, color_type={self.color_type!r})'
