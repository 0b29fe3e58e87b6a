from .channels_last_hook import ChannelsLastHook
from .result_hook import ResultHook
from .seed_hook import SeedHook
from .visualization_hook import TwoStageVisualizationHook

__all__ = ['ChannelsLastHook', 'ResultHook', 'SeedHook', 'TwoStageVisualizationHook']
