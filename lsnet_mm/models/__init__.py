from .backbones import StemResNet
from .decode_heads import ConvHead
from .dense_heads import KPBBRHead
from .localizers import BaseLocalizer, LNet
from .losses import DIoULoss, FocalDiceLoss
from .necks import FCNNeck, HardCrop, RoIRecalibration, UNetNeck
from .segmentors import LSNet, MultiRound
from .task_modules import RoIMixing

__all__ = [
    'BaseLocalizer',
    'ConvHead',
    'DIoULoss',
    'FCNNeck',
    'FocalDiceLoss',
    'HardCrop',
    'KPBBRHead',
    'LNet',
    'LSNet',
    'MultiRound',
    'RoIMixing',
    'RoIRecalibration',
    'StemResNet',
    'UNetNeck',
]
