"""The paper's comparison, from configs to tables: what ``tools/reproduce.py`` does."""

from .composing import DATA, compose
from .record import Record, read_records
from .report import boxes, breakdown, csv_text, markdown, write_report
from .run import Run, plan, remaining
from .tables import TABLES, Row, System, Table, find_system

__all__ = [
    'DATA',
    'TABLES',
    'Record',
    'Row',
    'Run',
    'System',
    'Table',
    'boxes',
    'breakdown',
    'compose',
    'csv_text',
    'find_system',
    'markdown',
    'plan',
    'read_records',
    'remaining',
    'write_report',
]
