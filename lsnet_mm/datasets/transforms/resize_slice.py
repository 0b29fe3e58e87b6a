from mmcv.transforms import Resize

from ...registry import TRANSFORMS
from ...utils.resizing import resize_labels


@TRANSFORMS.register_module()
class ResizeSlice(Resize):
    """Resize image and masks to a size, so that they stay on one grid.

    The image is that of MMCV's ``Resize(keep_ratio=False)``, whose masks are displaced by up to
    half a pixel; here they are resized by :func:`lsnet_mm.utils.resizing.resize_labels`.

    Required key: ``img``. Modified keys: ``img``, the masks of ``seg_fields`` if there are any,
    ``gt_bboxes`` if there, ``img_shape``. Added keys: ``scale`` and ``scale_factor`` (w, h),
    ``keep_ratio``.

    Args:
        scale: (width, height) in pixels.
        interpolation: Of the image. The default averages what a pixel covers, as ``'bilinear'``
            does not where an image shrinks by more than half.
    """

    def __init__(self, scale: tuple[int, int], interpolation: str = 'area') -> None:
        super().__init__(scale=tuple(scale), keep_ratio=False, interpolation=interpolation)

    def _resize_seg(self, results: dict) -> None:
        for key in results.get('seg_fields', []):
            results[key] = resize_labels(results[key], self.scale)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale}, interpolation={self.interpolation!r})'
