import torch
from mmengine.structures import InstanceData
from mmseg.datasets.transforms import PackSegInputs

from ...registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackLSNetInputs(PackSegInputs):
    """Pack a slice for L-SNet: mmseg's packing, plus the boxes as ``gt_instances``.

    A grey slice is packed as one channel; the model's data preprocessor makes it as many as it has
    means. Added to the ``SegDataSample`` where ``gt_bboxes`` is there: ``gt_instances``, an
    ``InstanceData`` of ``bboxes`` (n, 4) float32 and ``labels`` (n,) int64.

    Args:
        **kwargs: Of ``PackSegInputs``. To its ``meta_keys``, keys that go into the sample's
            metainfo where they are, ``case``, ``slice_index``, ``spacing`` and ``data_root`` are
            added, which scores by case need.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.meta_keys = (*self.meta_keys, 'case', 'slice_index', 'spacing', 'data_root')

    def transform(self, results: dict) -> dict:
        """Pack ``inputs`` (C, H, W) and ``data_samples``."""
        packed = super().transform(results)
        if 'gt_bboxes' in results:
            packed['data_samples'].gt_instances = InstanceData(
                bboxes=torch.from_numpy(results['gt_bboxes']),
                labels=torch.from_numpy(results['gt_bboxes_labels']),
            )
        return packed
