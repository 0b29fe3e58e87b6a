from .lsnet import LSNet
from .multi_round import MultiRound
from .rstn import RSTN

__all__ = ['RSTN', 'LSNet', 'MultiRound']
