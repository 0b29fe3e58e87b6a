from .base import BaseLocalizer
from .coarse_localizer import CoarseLocalizer
from .detector_localizer import DetectorLocalizer
from .lnet import LNet

__all__ = ['BaseLocalizer', 'CoarseLocalizer', 'DetectorLocalizer', 'LNet']
