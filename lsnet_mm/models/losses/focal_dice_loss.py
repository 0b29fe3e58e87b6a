import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS

#: What makes the Dice of nothing against nothing 1.
SMOOTH = 1e-5


@MODELS.register_module()
class FocalDiceLoss(nn.Module):
    """``L_cls``: focal loss plus 0.2 times Dice loss (paper, 2.5).

    One channel of logits is a sigmoid, several are a softmax with background. A target is class
    indices or probabilities, as the keypoint heatmap and masks sampled between pixels are.
    Computed in float32 at least, since a mean over 100,000 pixels is not for half precision.

    Args:
        gamma: The focusing exponent of the focal loss.
        dice_weight: Weight of the Dice loss beside the focal loss.
        include_background: Whether the Dice loss of several classes counts channel 0.
        squared: Squares in the Dice loss, for a target that is soft all over (see ``dice_loss``).
        batch_dice: One Dice loss for the batch (of this rank) in place of each image's: for data
            with images that hold nothing (see ``dice_loss``).
        loss_weight: Weight of the sum.
        loss_name: Key in the log; what starts with ``loss`` is back-propagated (MMSegmentation).
    """

    def __init__(
        self,
        gamma: float = 2.0,
        dice_weight: float = 0.2,
        include_background: bool = False,
        squared: bool = False,
        batch_dice: bool = False,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_focal_dice',
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.dice_weight = dice_weight
        self.include_background = include_background
        self.squared = squared
        self.batch_dice = batch_dice
        self.loss_weight = loss_weight
        self._loss_name = loss_name

    #: The second stage's target may move with its box (``soft_targets``).
    takes_soft_targets = True

    @property
    def loss_name(self) -> str:
        return self._loss_name

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = 255,
        avg_factor: float | None = None,
        **kwargs,
    ) -> Tensor:
        """Loss of a batch.

        Args:
            pred: (N, C, H, W) logits.
            target: (N, H, W) integer classes, or (N, C, H, W) probabilities of the channels.
            weight: (N, H, W) or (N, 1, H, W) weight of each pixel.
            ignore_index: Class that is left out of integer targets.
            avg_factor: Divisor of the summed focal loss; the number of pixels if None.

        Returns:
            Tensor: A scalar.

        Raises:
            ValueError: If the shapes do not fit.
        """
        n, channels, *size = pred.shape
        soft = target.is_floating_point()
        if tuple(target.shape) != ((n, channels, *size) if soft else (n, *size)):
            raise ValueError(
                f'FocalDiceLoss: a target of shape {tuple(target.shape)} does not fit logits of '
                f'{tuple(pred.shape)}; expected (N, H, W) integers or (N, C, H, W) floats.'
            )
        pred = pred.to(torch.promote_types(pred.dtype, torch.float32))
        valid = pred.new_ones((n, 1, *size))
        if weight is not None:
            valid = valid * weight.reshape(n, 1, *size).to(pred)
        if not soft:
            ignored = (target == ignore_index).unsqueeze(1)
            valid = valid.masked_fill(ignored, 0)
            target = one_hot(target.masked_fill(ignored.squeeze(1), 0), channels)
        target = target.to(pred)
        if channels == 1:
            focal, probs = soft_focal(pred, target, self.gamma), pred.sigmoid()
        else:
            focal, probs = softmax_focal(pred, target, self.gamma), pred.softmax(dim=1)
            if not self.include_background:
                probs, target = probs[:, 1:], target[:, 1:]
        focal = (focal * valid).sum() / (avg_factor or valid.numel())
        dice = dice_loss(probs, target, valid, self.squared, self.batch_dice).mean()
        return self.loss_weight * (focal + self.dice_weight * dice)


def soft_focal(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """``|y - p|^gamma * BCE(p, y)``: focal loss of each element, for targets in [0, 1].

    Logits and target have the same shape, any, and so has the loss. With hard targets it is the
    focal loss of Lin et al. without its class weight.
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
    probs: Tensor, target: Tensor, weight: Tensor, squared: bool = False, batch: bool = False
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
    return 1 - (2 * overlap + SMOOTH) / (total + SMOOTH)
