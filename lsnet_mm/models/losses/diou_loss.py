from torch import Tensor, nn

from ...registry import MODELS


@MODELS.register_module()
class DIoULoss(nn.Module):
    """Distance-IoU loss over boxes, ``L_reg`` of the paper.

    Under mmdet's scope its class of the same name takes the place of this one.

    Args:
        eps: Guard of the two divisions.
        reduction: ``'none'``, ``'mean'`` or ``'sum'``.
        loss_weight: Weight of the result (lambda = 0.5 in the paper).
    """

    def __init__(
        self, eps: float = 1e-6, reduction: str = 'mean', loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.eps = eps
        self.reduction = reduction
        self.loss_weight = loss_weight

    def forward(self, pred: Tensor, target: Tensor, avg_factor: float | None = None) -> Tensor:
        """Loss of paired boxes.

        Args:
            pred, target: (n, 4) boxes ``x1, y1, x2, y2``, absolute; ``n`` may be 0, which gives 0.
            avg_factor: Divisor in place of ``n`` under ``'mean'``.

        Returns:
            Tensor: A scalar, or (n,) under ``'none'``.

        Raises:
            ValueError: If the shapes are others.
        """
        if pred.shape != target.shape or pred.size(-1) != 4:
            raise ValueError(
                f'DIoULoss: pred and target must both be (n, 4), got {tuple(pred.shape)} and '
                f'{tuple(target.shape)}.'
            )
        loss = diou_loss(pred.float(), target.float(), self.eps)
        if self.reduction != 'none':
            loss = loss.sum()
        if self.reduction == 'mean':
            loss = loss / (avg_factor if avg_factor is not None else max(len(pred), 1))
        return self.loss_weight * loss


def diou_loss(pred: Tensor, target: Tensor, eps: float = 1e-7) -> Tensor:
    """``1 - IoU + d^2 / c^2`` (Zheng et al., AAAI 2020) of boxes (n, 4): (n,), between 0 and 2.

    ``d`` is the distance of the centres, ``c`` the diagonal of the smallest box around both.
    """
    low, high = pred[:, :2].maximum(target[:, :2]), pred[:, 2:].minimum(target[:, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=1)
    area = (pred[:, 2:] - pred[:, :2]).prod(dim=1) + (target[:, 2:] - target[:, :2]).prod(dim=1)
    iou = overlap / (area - overlap + eps)
    hull = pred[:, 2:].maximum(target[:, 2:]) - pred[:, :2].minimum(target[:, :2])
    offset = (pred[:, :2] + pred[:, 2:] - target[:, :2] - target[:, 2:]) / 2
    return 1 - iou + offset.square().sum(dim=1) / (hull.square().sum(dim=1) + eps)
