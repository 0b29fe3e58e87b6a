from .attention_unet_neck import AttentionUNetNeck
from .fcn_neck import FCNNeck
from .hard_crop import HardCrop
from .roi_recalibration import RoIRecalibration
from .saliency_transform import SaliencyTransform
from .unet_neck import UNetNeck

__all__ = [
    'AttentionUNetNeck',
    'FCNNeck',
    'HardCrop',
    'RoIRecalibration',
    'SaliencyTransform',
    'UNetNeck',
]
