from .channels_last_hook import ChannelsLastHook
from .freeze_hook import FreezeHook
from .result_hook import ResultHook
from .seed_hook import SeedHook
from .sync_statistics_hook import SyncStatisticsHook
from .visualization_hook import TwoStageVisualizationHook

__all__ = [
    'ChannelsLastHook',
    'FreezeHook',
    'ResultHook',
    'SeedHook',
    'SyncStatisticsHook',
    'TwoStageVisualizationHook',
]
