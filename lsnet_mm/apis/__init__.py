"""Inference: from a volume in memory, or studies on a disk, to masks, boxes and volumes."""

from .job import SegmentationJob
from .load_model import WrongCheckpointError, load_model
from .lsnet_inferencer import LSNetInferencer
from .segmentation import segment_study
from .study import DicomStudy, Findings, NiftiStudy, Study, find_studies
from .volume_prediction import TidyUp, VolumePrediction
from .volume_predictor import DTYPES, VolumePredictor, slice_pipeline

__all__ = [
    'DTYPES',
    'DicomStudy',
    'Findings',
    'LSNetInferencer',
    'NiftiStudy',
    'SegmentationJob',
    'Study',
    'TidyUp',
    'VolumePrediction',
    'VolumePredictor',
    'WrongCheckpointError',
    'find_studies',
    'load_model',
    'segment_study',
    'slice_pipeline',
]
