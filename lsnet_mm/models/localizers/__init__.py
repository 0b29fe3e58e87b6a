from .base import BaseLocalizer
from .lnet import LNet

__all__ = ['BaseLocalizer', 'LNet']
