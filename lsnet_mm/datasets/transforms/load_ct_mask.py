from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from PIL import Image

from ...registry import TRANSFORMS
from ...volumes import read_slice


@TRANSFORMS.register_module()
class LoadCTMask(BaseTransform):
    """Load a slice's mask from a ``.png`` file or from a slice of a ``.nii`` volume, and check it.

    Required keys: ``seg_map_path``, ``ori_shape``, ``label_map``, ``seg_fields``, and
    ``slice_index`` for volumes. Added keys: ``gt_seg_map`` (H, W) uint8.

    The mask is compared with ``ori_shape``, so it may be loaded before the image is resized
    (training: both are resized) or after (test: the mask keeps its original size). An image
    without ``seg_map_path``, as inferencers give it, passes through.

    Args:
        num_classes: Background included; a mask holds 0 to ``num_classes - 1``. Where the dataset
            selects classes, its ``label_map`` says which values may occur and what they become.
    """

    def __init__(self, num_classes: int = 2) -> None:
        self.num_classes = num_classes

    def transform(self, results: dict) -> dict:
        """Load and check.

        Raises:
            ValueError: If the mask has another size than its image, more than one channel, or
                values that are no class.
        """
        path = results.get('seg_map_path')
        if path is None:
            return results
        if Path(path).suffix == '.png':
            mask = _read_png(path)
        else:
            mask = read_slice(path, results['slice_index'])
        expected = tuple(results['ori_shape'][:2])
        if mask.shape != expected:
            raise ValueError(
                f'{path}: the mask is {mask.shape}, its image {results["img_path"]} is {expected} '
                '(rows, columns). Export both at the same size.'
            )
        label_map = results.get('label_map') or {k: k for k in range(self.num_classes)}
        mapped = np.zeros(mask.shape, np.uint8)
        known = np.zeros(mask.shape, bool)
        for old, new in label_map.items():
            here = mask == old
            known |= here
            np.putmask(mapped, here, new)
        if not known.all():
            wrong = np.unique(mask[~known])
            hint = ' Masks are 0/1, not 0/255: divide by 255.' if 255 in wrong else ''
            raise ValueError(
                f'{path}: mask values must be in {sorted(label_map)}, found '
                f'{wrong[:5].tolist()}.{hint}'
            )
        results['gt_seg_map'] = mapped
        results['seg_fields'].append('gt_seg_map')
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(num_classes={self.num_classes})'


def _read_png(path: str) -> np.ndarray:
    """(H, W) values of a grey or palette PNG; OpenCV would turn a palette into colours."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'{path} does not exist. Every image needs its mask.')
    mask = np.asarray(Image.open(path))
    if mask.ndim != 2:
        raise ValueError(
            f'{path}: a mask has one channel, got shape {mask.shape}. Save it as 8-bit grey.'
        )
    return mask
