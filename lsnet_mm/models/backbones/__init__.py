from .efficientnet_lite import EfficientNetLite0
from .stem_resnet import StemResNet

__all__ = ['EfficientNetLite0', 'StemResNet']
