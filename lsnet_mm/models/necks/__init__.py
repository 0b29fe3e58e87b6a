from .attention_unet_neck import AttentionUNetNeck
from .fcn_neck import FCNNeck
from .hard_crop import HardCrop
from .roi_recalibration import RoIRecalibration
from .unet_neck import UNetNeck

__all__ = ['AttentionUNetNeck', 'FCNNeck', 'HardCrop', 'RoIRecalibration', 'UNetNeck']
