from .diou_loss import DIoULoss
from .focal_dice_loss import FocalDiceLoss

__all__ = ['DIoULoss', 'FocalDiceLoss']
