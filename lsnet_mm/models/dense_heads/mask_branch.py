from itertools import pairwise

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, bias_init_with_prob
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS
from ..geometry import mask_to_box

IGNORED = 255
#: What a head's ``test_cfg`` says of its branch.
MASK_CFG = dict(mask_thr=0.5, veto_thr=0.5)


def conv_branch(
    in_channels: int, width: int, out_channels: int, depth: int, kernel: int, norm_cfg: dict | None
) -> nn.Sequential:
    """A branch of a head: ``depth`` 3x3 convolutions and a last one without normalisation."""
    widths = [in_channels] + [width] * depth
    convs = [ConvModule(*pair, 3, padding=1, norm_cfg=norm_cfg) for pair in pairwise(widths)]
    return nn.Sequential(*convs, nn.Conv2d(widths[-1], out_channels, kernel, padding=kernel // 2))


class MaskBranch(BaseModule):
    """A coarse mask of any object beside the boxes of :class:`KPBBRHead`.

        F' -> 3x3 convolution -> 1x1 -> a logit for each cell

    The box around the mask, its hull, is a second opinion: boxes are moved half way to it. It sees
    all of an object at once, where a regressed box hangs on one cell.

    Args:
        in_channels: Channels of ``F'``.
        width: Channels of the branch.
        stride: Input pixels per cell.
        loss_mask: Loss against the share of the object in each cell.
        norm_cfg: Normalisation of the convolution.
    """

    def __init__(
        self, in_channels: int, width: int, stride: int, loss_mask: dict, norm_cfg: dict | None
    ) -> None:
        super().__init__()
        self.stride = stride
        self.logits = conv_branch(in_channels, width, 1, 1, 1, norm_cfg)
        self.loss_mask = MODELS.build(loss_mask)

    def init_weights(self) -> None:
        """Starts at an almost empty mask: an untrained branch says "nothing"."""
        super().init_weights()
        nn.init.constant_(self.logits[-1].bias, bias_init_with_prob(0.01))

    def forward(self, feat: Tensor) -> Tensor:
        """(N, 1, h, w) logits of features (N, C, h, w)."""
        return self.logits(feat)

    def loss(self, masks: Tensor, batch_data_samples: list) -> Tensor:
        """The loss of logits (N, 1, h, w) against :func:`mask_targets` of the samples; a scalar.

        Raises:
            ValueError: If samples have no masks.
        """
        target, weight = mask_targets(batch_data_samples, masks)
        return self.loss_mask(masks, target, weight=weight)

    def pull(self, rois: Tensor, masks: Tensor, mask_thr: float) -> Tensor:
        """Training RoIs half way to the :func:`hulls` of their images' masks.

        Args:
            rois: (K, 5) in input pixels; a gradient goes through them.
            masks: (N, 1, h, w) logits.
            mask_thr: Cells above it are of the mask.

        Returns:
            Tensor: (K, 5); where a mask is empty, the RoI as it was.
        """
        index = rois[:, 0].long()
        boxes, found = hulls(masks, self.stride, mask_thr)
        mean = (rois[:, 1:] + boxes[index]) / 2
        return torch.cat((rois[:, :1], mean.where(found[index, None], rois[:, 1:])), dim=1)

    def agree(
        self, boxes: Tensor, scores: Tensor, mask: Tensor, mask_thr: float, veto_thr: float
    ) -> tuple[Tensor, Tensor]:
        """What an image's boxes and its mask say together: one box, or none.

        Args:
            boxes: (n, 4) in input pixels, best first.
            scores: (n,).
            mask: (h, w) logits.
            mask_thr: Cells above it are of the mask. If none is, the box around all boxes stays.
            veto_thr: Without a cell above it there is no box; 0 takes that right away.

        Returns:
            tuple: (1, 4) half way between the box around all boxes and the mask's, with the best
            score (1,); or (0, 4) and (0,).
        """
        probs = mask.float().sigmoid()
        if not len(boxes) or (veto_thr and probs.max() <= veto_thr):
            return boxes[:0], scores[:0]
        union = torch.cat((boxes[:, :2].amin(dim=0), boxes[:, 2:].amax(dim=0)))[None]
        hull = mask_to_box(probs > mask_thr) * self.stride
        return (union + hull) / 2 if len(hull) else union, scores[:1]


@torch.no_grad()
def hulls(masks: Tensor, stride: int, mask_thr: float) -> tuple[Tensor, Tensor]:
    """Boxes (N, 4) in input pixels around masks (N, 1, h, w), and whether there is one (N,).

    Masks are logits; cells with a probability above ``mask_thr`` are of them. Never waits for the
    GPU: an empty mask has a box too, which says nothing.
    """
    active = masks[:, 0].float().sigmoid() > mask_thr
    columns, rows = active.any(dim=1).float(), active.any(dim=2).float()
    first = [line.argmax(dim=1) for line in (columns, rows)]
    last = [line.size(1) - line.flip(1).argmax(dim=1) for line in (columns, rows)]
    return torch.stack((*first, *last), dim=1).float() * stride, active.flatten(1).any(dim=1)


@torch.no_grad()
def mask_targets(batch_data_samples: list, masks: Tensor) -> tuple[Tensor, Tensor]:
    """The share of any object in each cell, of what is labelled there; 1 in an image's fullest.

    The samples have ``gt_sem_seg``, of any size that spans the same field, or
    ``gt_instances.masks``; ``masks`` (N, 1, h, w) gives shape and device.

    Returns:
        tuple: Targets (N, 1, h, w) in [0, 1], and weights (N, h, w): the share of labelled pixels.
    """
    size, shares = masks.shape[-2:], []
    for sample in batch_data_samples:
        labels = foreground(sample).to(masks.device)
        valid = labels != IGNORED
        both = torch.stack(((labels > 0) & valid, valid)).float()
        shares.append(F.interpolate(both[None], size, mode='area')[0])
    objects, weight = torch.stack(shares).unbind(dim=1)
    # Ignored cells have a target of 0, which counts for nothing.
    target = objects / weight.where(weight > 0, torch.ones_like(weight))
    # An object smaller than a cell still fills one, or its mask would be a veto against itself.
    peak = target.amax(dim=(1, 2), keepdim=True)
    return (target / peak.where(peak > 0, torch.ones_like(peak)))[:, None], weight


def foreground(sample) -> Tensor:
    """(H, W) labels of an image: above 0 where an object is, 255 where nobody knows.

    Raises:
        ValueError: If the sample has no mask.
    """
    if 'gt_sem_seg' in sample:
        return sample.gt_sem_seg.data.squeeze(0)
    if 'masks' not in sample.gt_instances:
        raise ValueError(
            'KPBBRHead: loss_mask needs the masks of the objects, and the samples have neither '
            'gt_sem_seg nor gt_instances.masks: set with_mask=True in LoadAnnotations, or leave '
            'loss_mask out of the head.'
        )
    labels = torch.from_numpy(sample.gt_instances.masks.to_ndarray()).bool().any(dim=0).long()
    # MMDetection pads images below and to the right, and masks only if told to.
    height, width = sample.metainfo.get('batch_input_shape', labels.shape)
    return F.pad(labels, (0, width - labels.size(1), 0, height - labels.size(0)))
