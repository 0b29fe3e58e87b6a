"""From downloads to data sets: everything is checked, paired and written as nnU-Net reads it."""

from .alignment import alignment_scores, best_alternative
from .case import Case
from .folds import contiguous_folds, pinned_folds
from .nnunet import NNUNetCase, find_nnunet
from .pancreas_ct import find_pancreas_ct
from .pancreas_ct_case import PancreasCTCase
from .pool import Pool
from .prepare import prepare
from .source import Source

__all__ = [
    'Case',
    'NNUNetCase',
    'PancreasCTCase',
    'Pool',
    'Source',
    'alignment_scores',
    'best_alternative',
    'contiguous_folds',
    'find_nnunet',
    'find_pancreas_ct',
    'pinned_folds',
    'prepare',
]
