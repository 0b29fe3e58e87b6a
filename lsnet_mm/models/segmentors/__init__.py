from .lsnet import LSNet
from .multi_round import MultiRound

__all__ = ['LSNet', 'MultiRound']
