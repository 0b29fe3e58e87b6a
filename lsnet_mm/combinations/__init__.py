"""Which backbones and segmentors go together: what ``tools/check_combinations.py`` does."""

from .combination import Combination, read_combinations
from .measure import measure
from .phantom_batch import phantom_batch
from .stock import set_classes, stock_model
from .table import markdown, summary
from .trial import PHASES, Trial

__all__ = [
    'PHASES',
    'Combination',
    'Trial',
    'markdown',
    'measure',
    'phantom_batch',
    'read_combinations',
    'set_classes',
    'stock_model',
    'summary',
]
