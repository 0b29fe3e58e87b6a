"""What the second stage's crops are trained on, and how a soft target reaches a loss that a head of
MMSegmentation calls with integers."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..losses.focal_dice_loss import one_hot


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


def soft_ground_truth(
    extractor: nn.Module, samples: list, rois: Tensor, channels: int, ignore_index: int = 255
) -> tuple[Tensor, Tensor]:
    """The masks as an RoI extractor samples images: between pixels, and moving with the box.

    Args:
        extractor: ``RoIRecalibration`` or ``HardCrop``.
        samples: Of the images.
        rois: (K, 5) in pixels of the images; gradients reach the box as far as the extractor's do.
        channels: C of the logits; 1 is foreground alone.
        ignore_index: Label of pixels without a class. They are left out of every mean, never
            averaged in.

    Returns:
        tuple: Targets (K, C, h, w), and the weight of each pixel (K, 1, h, w): what part of it was
        sampled from pixels with a class.
    """
    mask = torch.stack([s.gt_sem_seg.data[0] for s in samples])
    ignored = mask == ignore_index
    valid = ~ignored.unsqueeze(1)
    classes = one_hot(mask.masked_fill(ignored, 0), channels) * valid
    crops = extractor.crop(torch.cat((classes, valid), dim=1).to(rois), rois)
    weight = crops[:, -1:]
    return crops[:, :-1] / weight.clamp(min=1e-6), weight


def soft_losses(head: nn.Module) -> list[nn.Module]:
    """The losses of a decode head that say of themselves that they take soft targets."""
    losses = getattr(head, 'loss_decode', None)
    losses = losses if isinstance(losses, nn.ModuleList) else [losses]
    return [loss for loss in losses if getattr(loss, 'takes_soft_targets', False)]


@contextmanager
def soft_targets(
    losses: list[nn.Module], labels: Tensor, target: Tensor, weight: Tensor
) -> Iterator[None]:
    """Within it, losses called with ``labels`` get the soft target in their place.

    Heads stack the labels of samples, measure accuracy by them and hand them on: floats would
    stop all of that, so only the losses see floats. Other labels, such as those that PIDNet
    leaves near edges, have no soft form and stay.

    Args:
        losses: Those that take soft targets, see :func:`soft_losses`.
        labels: (K, h, w) integers, of the crops.
        target: (K, C, h, w), in [0, 1].
        weight: (K, 1, h, w), which multiplies the head's own.
    """

    def exchange(loss: nn.Module, args: tuple, kwargs: dict) -> tuple | None:
        same = len(args) == 2 and args[1].shape == labels.shape and (args[1] == labels).all()
        if not same:
            return None
        own = kwargs.get('weight')
        both = weight if own is None else weight * own.reshape(weight.shape)
        return (args[0], target), kwargs | dict(weight=both)

    with ExitStack() as stack:
        for loss in losses:
            stack.enter_context(loss.register_forward_pre_hook(exchange, with_kwargs=True))
        yield
