import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from ..nifti import read_slice


@TRANSFORMS.register_module()
class LoadCTSlice(BaseTransform):
    """Load one slice of an uncompressed NIfTI volume, in HU.

    Required keys: ``img_path``, ``slice_index``. Added keys: ``img`` (H, W, channels) float32 in
    HU, ``img_shape`` and ``ori_shape`` (H, W).

    Args:
        channels: How often the grey slice is repeated; backbones of ImageNet expect 3.
    """

    def __init__(self, channels: int = 3) -> None:
        if channels < 1:
            raise ValueError(f'LoadCTSlice: channels must be at least 1, got {channels}.')
        self.channels = channels

    def transform(self, results: dict) -> dict:
        """Read the slice; see :func:`lsnet_mm.datasets.nifti.read_slice` for the errors."""
        grey = read_slice(results['img_path'], results['slice_index']).astype(np.float32)
        results['img'] = np.repeat(grey[..., None], self.channels, axis=2)
        results['img_shape'] = results['ori_shape'] = grey.shape
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(channels={self.channels})'
