import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn


def crop_ground_truth(extractor: nn.Module, samples: list, rois: Tensor) -> list[SegDataSample]:
    """What an RoI extractor's crops are trained on.

    Args:
        extractor: ``RoIRecalibration`` or ``HardCrop``.
        samples: Of the images.
        rois: (K, 5) in pixels of the images, without a gradient.

    Returns:
        list: K samples with the masks of their images, and what other maps of classes these have,
        such as the edges that PIDNet learns from (``gt_edge_map``).
    """
    meta = dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape'), extractor.size)
    crops = [SegDataSample(metainfo=meta) for _ in rois]
    for name, value in samples[0].items():
        if name.startswith('gt_') and isinstance(value, PixelData):
            maps = torch.stack([s.get(name).data for s in samples])
            targets = extractor.crop(maps.to(rois), rois, mode='nearest').to(maps.dtype)
            for crop, target in zip(crops, targets, strict=True):
                setattr(crop, name, PixelData(data=target))
    return crops
