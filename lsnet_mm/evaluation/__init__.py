"""Scores of masks and boxes, and the files that a run leaves behind."""

from .boxes import union_box_iou
from .functional import PROTOCOLS, aggregate, box_scores
from .segmentation_metric import TwoStageSegMetric
from .surface import hd95, nsd

__all__ = [
    'PROTOCOLS',
    'TwoStageSegMetric',
    'aggregate',
    'box_scores',
    'hd95',
    'nsd',
    'union_box_iou',
]
