from .base import BaseLocalizer
from .coarse_localizer import CoarseLocalizer
from .lnet import LNet

__all__ = ['BaseLocalizer', 'CoarseLocalizer', 'LNet']
