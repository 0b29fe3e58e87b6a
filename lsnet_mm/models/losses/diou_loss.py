from torch import Tensor, nn

from ...registry import MODELS
from .functional import diou_loss


@MODELS.register_module()
class DIoULoss(nn.Module):
    """Distance-IoU loss over boxes, ``L_reg`` of the paper.

    It takes the call of mmdet's class of the same name, which replaces it under mmdet's scope.

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

    def forward(
        self,
        pred: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        avg_factor: float | None = None,
        reduction_override: str | None = None,
        **kwargs,
    ) -> Tensor:
        """Loss of paired boxes.

        Args:
            pred: (n, 4) boxes ``x1, y1, x2, y2``, absolute; ``n`` may be 0, which gives 0.
            target: (n, 4).
            weight: (n,).
            avg_factor: Divisor in place of ``n`` under ``'mean'``.
            reduction_override: Takes the place of ``reduction`` in this call.

        Returns:
            Tensor: A scalar, or (n,) under ``'none'``.
        """
        if pred.shape != target.shape or pred.size(-1) != 4:
            raise ValueError(
                f'DIoULoss: pred and target must both be (n, 4), got {tuple(pred.shape)} and '
                f'{tuple(target.shape)}.'
            )
        loss = diou_loss(pred.float(), target.float(), self.eps)
        if weight is not None:
            loss = loss * weight
        reduction = reduction_override or self.reduction
        if reduction == 'none':
            return self.loss_weight * loss
        total = loss.sum()
        if reduction == 'mean':
            total = total / (avg_factor if avg_factor is not None else max(len(loss), 1))
        return self.loss_weight * total
