"""Inference: from a volume in memory or on a disk to its mask, boxes and volume."""

from .load_model import WrongCheckpointError, load_model
from .lsnet_inferencer import LSNetInferencer
from .slice_pipeline import slice_pipeline
from .tidy_up import TidyUp
from .volume_prediction import VolumePrediction
from .volume_predictor import DTYPES, VolumePredictor

__all__ = [
    'DTYPES',
    'LSNetInferencer',
    'TidyUp',
    'VolumePrediction',
    'VolumePredictor',
    'WrongCheckpointError',
    'load_model',
    'slice_pipeline',
]
