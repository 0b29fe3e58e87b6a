"""What a config names under ``model``, and the geometry behind it."""

from .backbones import EfficientNetLite0, StemResNet
from .decode_heads import ConvHead
from .dense_heads import KPBBRHead
from .localizers import BaseLocalizer, CoarseLocalizer, DetectorLocalizer, LNet
from .losses import DIoULoss, FocalDiceLoss
from .necks import (
    AttentionUNetNeck,
    FCNNeck,
    HardCrop,
    RoIRecalibration,
    SaliencyTransform,
    UNetNeck,
)
from .segmentors import RSTN, LSNet, TwoStageSegmentor
from .task_modules import RoIMixing

__all__ = [
    'RSTN',
    'AttentionUNetNeck',
    'BaseLocalizer',
    'CoarseLocalizer',
    'ConvHead',
    'DIoULoss',
    'DetectorLocalizer',
    'EfficientNetLite0',
    'FCNNeck',
    'FocalDiceLoss',
    'HardCrop',
    'KPBBRHead',
    'LNet',
    'LSNet',
    'RoIMixing',
    'RoIRecalibration',
    'SaliencyTransform',
    'StemResNet',
    'TwoStageSegmentor',
    'UNetNeck',
]
