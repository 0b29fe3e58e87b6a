"""From downloads to data sets: everything is checked, paired and written as nnU-Net reads it.

The way back, to COCO's form for detectors, is in ``lsnet_mm.preparation.coco``, which loads
OpenMMLab.
"""

from .labels import alignment_scores, best_alternative
from .nnunet import find_nnunet
from .pancreas_ct import find_pancreas_ct
from .prepare import Case, Source, contiguous_folds, prepare

__all__ = [
    'Case',
    'Source',
    'alignment_scores',
    'best_alternative',
    'contiguous_folds',
    'find_nnunet',
    'find_pancreas_ct',
    'prepare',
]
