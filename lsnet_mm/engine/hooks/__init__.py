"""What is done before, during and after a run."""

from .check_hook import CheckHook
from .checkpoint_hook import DurableCheckpointHook
from .progress_hook import ProgressHook
from .result_hook import ResultHook
from .trained_on_hook import TrainedOnHook
from .training_hooks import ChannelsLastHook, FreezeHook, SeedHook, SyncStatisticsHook
from .visualization_hook import MaskWriter, TwoStageVisualizationHook

__all__ = [
    'ChannelsLastHook',
    'CheckHook',
    'DurableCheckpointHook',
    'FreezeHook',
    'MaskWriter',
    'ProgressHook',
    'ResultHook',
    'SeedHook',
    'SyncStatisticsHook',
    'TrainedOnHook',
    'TwoStageVisualizationHook',
]
