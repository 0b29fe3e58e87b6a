"""The formulas of the losses, without reduction over the batch."""

from torch import Tensor
from torch.nn import functional as F


def soft_focal(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """``|y - p|^gamma * BCE(p, y)``: focal loss for targets between 0 and 1.

    With hard targets it is the focal loss of Lin et al. without its class weight.

    Args:
        logits: Any shape.
        target: The same shape, in [0, 1].

    Returns:
        Tensor: The loss of each element.
    """
    bce = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
    return (target - logits.sigmoid()).abs().pow(gamma) * bce


def softmax_focal(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """``-sum |y - p|^gamma * y log p``: focal loss over exclusive classes.

    Args:
        logits: (N, C, H, W).
        target: (N, C, H, W), one-hot or with a sum of 1 over the classes.

    Returns:
        Tensor: (N, 1, H, W).
    """
    log_p = logits.log_softmax(dim=1)
    focus = (target - log_p.exp()).abs().pow(gamma)
    return -(target * focus * log_p).sum(dim=1, keepdim=True)


def one_hot(labels: Tensor, channels: int) -> Tensor:
    """Integer classes (N, H, W) as maps (N, C, H, W); a single channel is the labels themselves."""
    if channels == 1:
        return labels.unsqueeze(1)
    return F.one_hot(labels.long(), channels).movedim(-1, 1)


def dice_loss(
    probs: Tensor,
    target: Tensor,
    weight: Tensor,
    squared: bool = False,
    batch: bool = False,
    smooth: float = 1e-5,
) -> Tensor:
    """Soft Dice loss of each image and channel (Milletari et al., theirs with squares).

    Args:
        probs: (N, C, H, W).
        target: (N, C, H, W), in [0, 1].
        weight: (N, 1, H, W); 0 leaves a pixel out.
        squared: ``p^2 + t^2`` below the line, whose best ``p`` is ``t``. With ``p + t`` it is 0 or
            1 even where ``t`` lies between.
        batch: The Dice of all images together (Isensee et al., nnU-Net). What is found in an image
            that holds nothing costs; in a Dice of its own, 0 whatever is found, it does not.

    Returns:
        Tensor: (N, C), or (C,) of a batch.
    """
    dims = (0, 2, 3) if batch else (2, 3)
    overlap = (weight * probs * target).sum(dims)
    power = 2 if squared else 1
    total = (weight * probs.pow(power)).sum(dims) + (weight * target.pow(power)).sum(dims)
    return 1 - (2 * overlap + smooth) / (total + smooth)


def diou_loss(pred: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    """``1 - IoU + d^2 / c^2`` (Zheng et al., AAAI 2020).

    ``d`` is the distance of the centres, ``c`` the diagonal of the smallest box around both.

    Args:
        pred: (n, 4) boxes ``x1, y1, x2, y2``.
        target: (n, 4).

    Returns:
        Tensor: (n,), between 0 and 2.
    """
    low, high = pred[:, :2].maximum(target[:, :2]), pred[:, 2:].minimum(target[:, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=1)
    area = (pred[:, 2:] - pred[:, :2]).prod(dim=1) + (target[:, 2:] - target[:, :2]).prod(dim=1)
    iou = overlap / (area - overlap + eps)
    hull = pred[:, 2:].maximum(target[:, 2:]) - pred[:, :2].minimum(target[:, :2])
    offset = (pred[:, :2] + pred[:, 2:] - target[:, :2] - target[:, 2:]) / 2
    return 1 - iou + offset.square().sum(dim=1) / (hull.square().sum(dim=1) + eps)
