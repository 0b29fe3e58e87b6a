from .fcn_neck import FCNNeck
from .hard_crop import HardCrop
from .roi_recalibration import RoIRecalibration
from .unet_neck import UNetNeck

__all__ = ['FCNNeck', 'HardCrop', 'RoIRecalibration', 'UNetNeck']
