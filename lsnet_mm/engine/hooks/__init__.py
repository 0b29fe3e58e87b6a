from .result_hook import ResultHook
from .seed_hook import SeedHook
from .visualization_hook import TwoStageVisualizationHook

__all__ = ['ResultHook', 'SeedHook', 'TwoStageVisualizationHook']
