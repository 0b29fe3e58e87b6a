from .diou_loss import DIoULoss
from .focal_dice_loss import FocalDiceLoss
from .soft_target import soft_losses, soft_targets

__all__ = ['DIoULoss', 'FocalDiceLoss', 'soft_losses', 'soft_targets']
