"""From downloads to data sets: everything is checked, paired and written as nnU-Net reads it.

The way back, to COCO's form for detectors, is in :mod:`.coco`, which loads OpenMMLab.
"""

from .alignment import alignment_scores, best_alternative
from .case import Case, Source
from .nnunet import NNUNetCase, find_nnunet
from .pancreas_ct import PancreasCTCase, find_pancreas_ct
from .prepare import contiguous_folds, pinned_folds, prepare

__all__ = [
    'Case',
    'NNUNetCase',
    'PancreasCTCase',
    'Source',
    'alignment_scores',
    'best_alternative',
    'contiguous_folds',
    'find_nnunet',
    'find_pancreas_ct',
    'pinned_folds',
    'prepare',
]
