"""Scores of masks and boxes, and the files that a run leaves behind."""

from .boxes import union_box_iou
from .functional import PROTOCOLS, aggregate, box_scores, counts, failure_rates, scores
from .segmentation_metric import TwoStageSegMetric
from .statistics import PairedDifference, by_area, holm, paired_difference, per_patient
from .surface import hd95, nsd

__all__ = [
    'PROTOCOLS',
    'PairedDifference',
    'TwoStageSegMetric',
    'aggregate',
    'box_scores',
    'by_area',
    'counts',
    'failure_rates',
    'hd95',
    'holm',
    'nsd',
    'paired_difference',
    'per_patient',
    'scores',
    'union_box_iou',
]
