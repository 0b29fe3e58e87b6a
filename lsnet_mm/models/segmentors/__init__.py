from .lsnet import LSNet
from .rstn import RSTN
from .two_stage import TwoStageSegmentor

__all__ = ['RSTN', 'LSNet', 'TwoStageSegmentor']
