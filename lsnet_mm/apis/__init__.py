"""Inference: from a volume in memory, or studies on a disk, to masks, boxes and volumes."""

from .load_model import WrongCheckpointError, build_model, load_model
from .lsnet_inferencer import LSNetInferencer
from .volume_predictor import TidyUp, VolumePrediction, VolumePredictor, slice_pipeline

__all__ = [
    'LSNetInferencer',
    'TidyUp',
    'VolumePrediction',
    'VolumePredictor',
    'WrongCheckpointError',
    'build_model',
    'load_model',
    'slice_pipeline',
]
