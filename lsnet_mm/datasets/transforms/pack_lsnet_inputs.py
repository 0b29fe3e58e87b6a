from collections.abc import Sequence

import torch
from mmengine.structures import InstanceData
from mmseg.datasets.transforms import PackSegInputs

from ...registry import TRANSFORMS

META_KEYS = (
    'case',
    'slice_index',
    'spacing',
    'img_path',
    'seg_map_path',
    'ori_shape',
    'img_shape',
    'pad_shape',
    'scale_factor',
    'flip',
    'flip_direction',
    'reduce_zero_label',
)


@TRANSFORMS.register_module()
class PackLSNetInputs(PackSegInputs):
    """Pack a slice for L-SNet: mmseg's packing, plus the boxes as ``gt_instances``.

    A grey slice is packed as one channel; the model's data preprocessor makes it as many as it has
    means. Added to the ``SegDataSample`` where ``gt_bboxes`` is there: ``gt_instances``, an
    ``InstanceData`` of ``bboxes`` (n, 4) float32 and ``labels`` (n,) int64.

    Args:
        meta_keys: Keys that go into the sample's metainfo; absent ones are skipped.
    """

    def __init__(self, meta_keys: Sequence[str] = META_KEYS) -> None:
        super().__init__(meta_keys=meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack ``inputs`` (C, H, W) and ``data_samples``."""
        packed = super().transform(results)
        if 'gt_bboxes' in results:
            packed['data_samples'].gt_instances = InstanceData(
                bboxes=torch.from_numpy(results['gt_bboxes']),
                labels=torch.from_numpy(results['gt_bboxes_labels']),
            )
        return packed
