"""The paper's comparison, from configs to tables: what ``tools/reproduce.py`` does."""

from .composing import DATA, compose
from .planning import plan, remaining
from .record import Record, read_record
from .rendering import csv_text, markdown
from .report import read_records, write_report
from .row import Row
from .run import Run
from .system import System
from .table import Table
from .tables import TABLES, find_system

__all__ = [
    'DATA',
    'TABLES',
    'Record',
    'Row',
    'Run',
    'System',
    'Table',
    'compose',
    'csv_text',
    'find_system',
    'markdown',
    'plan',
    'read_record',
    'read_records',
    'remaining',
    'write_report',
]
