from .lsnet import LSNet
from .multi_round import MultiRound
from .rstn import RSTN
from .two_stage import TwoStageSegmentor

__all__ = ['RSTN', 'LSNet', 'MultiRound', 'TwoStageSegmentor']
