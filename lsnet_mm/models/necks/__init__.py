from .attention_unet_neck import AttentionUNetNeck
from .fcn_neck import FCNNeck
from .roi_recalibration import HardCrop, RoIRecalibration
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
