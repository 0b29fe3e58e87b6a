"""Inference: from a volume in memory, or studies on a disk, to masks, boxes and volumes."""

from typing import TYPE_CHECKING

from ..lazy import lazy_names

if TYPE_CHECKING:
    from .lsnet_inferencer import LSNetInferencer  # noqa: F401
    from .model import WrongCheckpointError, build_model, load_model  # noqa: F401
    from .tidy_up import TidyUp  # noqa: F401
    from .volume_predictor import VolumePrediction, VolumePredictor, slice_pipeline  # noqa: F401

__getattr__, __all__ = lazy_names(
    __name__,
    {
        'lsnet_inferencer': ['LSNetInferencer'],
        'model': ['WrongCheckpointError', 'build_model', 'load_model'],
        'tidy_up': ['TidyUp'],
        'volume_predictor': ['VolumePrediction', 'VolumePredictor', 'slice_pipeline'],
    },
)
