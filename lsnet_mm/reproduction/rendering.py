"""A table as text, for people and for programs."""

import csv
from collections.abc import Sequence
from io import StringIO
from statistics import mean, stdev

from ..evaluation.statistics import holm
from .comparison import compare
from .record import Record
from .table import Table

NOT_RUN = 'not run'
_CONSTANT = ('params', 'gflops')


def markdown(table: Table, records: Sequence[Record]) -> str:
    """The table in Markdown; ``not run`` where a row has no result.

    Args:
        table: Of ``TABLES``.
        records: Of :func:`read_records`.

    Raises:
        ValueError: If two rows were tested on different slices.
    """
    papers = _paper_columns(table)
    left, right = '---', '---:'
    lines = [
        ['system', *table.columns, 'difference', 'to', 'seeds', *map('paper: {}'.format, papers)],
        [left, *[right] * (len(table.columns) + 1), left, left, *[right] * len(papers)],
    ]
    for record in records:
        cells = [_text(record.scores.get(key), key) for key in table.columns.values()]
        if not record.seeds:
            cells[0] = NOT_RUN
        difference = compare(record, records)
        against = '-' if difference is None else table.row(record.row.reference).label
        cells += ['-' if difference is None else str(difference), against, _seeds(record)]
        cells += [record.row.paper.get(name, '-') for name in papers]
        lines.append([record.row.label, *cells])
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)


def comparisons(table: Table, records: Sequence[Record]) -> str:
    """A line with the p-values of all differences in a table, adjusted; empty without any.

    Args and errors are those of :func:`markdown`.
    """
    found = {}
    for record in records:
        if (difference := compare(record, records)) is not None:
            against = table.row(record.row.reference).label
            found[f'{record.row.label} - {against}'] = difference.p
    each = [
        f'{name} p {f"= {p:.3f}" if p >= 0.001 else "< 0.001"}'
        for name, p in zip(found, holm(list(found.values())), strict=True)
    ]
    plural = 's' * (len(each) > 1)
    return f'Holm over {len(each)} comparison{plural}: {", ".join(each)}.' if each else ''


def csv_text(table: Table, records: Sequence[Record]) -> str:
    """The same with more digits, and blanks for what is not there."""
    papers = _paper_columns(table)
    scores = [name for key in table.columns.values() for name in (key, f'{key} std')]
    against = ['difference', 'low', 'high', 'to', 'patients']
    buffer = StringIO(newline='')
    writer = csv.writer(buffer, lineterminator='\n')
    writer.writerow(
        ['system', 'config', *scores, *against, 'seeds', *map('paper: {}'.format, papers)]
    )
    for record in records:
        cells = [record.row.label, record.row.system.name]
        for key in table.columns.values():
            values = record.scores.get(key)
            cells += [_number(values and mean(values)), _number(_spread(values))]
        cells += [''] * len(against)
        if (d := compare(record, records)) is not None:
            numbers = [_number(value) for value in (d.mean, d.low, d.high)]
            cells[-len(against) :] = [*numbers, record.row.reference.name, d.patients]
        cells += [' '.join(map(str, record.seeds)), *(record.row.paper.get(p, '') for p in papers)]
        writer.writerow(cells)
    return buffer.getvalue()


def _paper_columns(table: Table) -> list[str]:
    return list(dict.fromkeys(name for row in table.rows for name in row.paper))


def _text(values: Sequence[float] | None, key: str) -> str:
    if not values:
        return '-'
    if key.endswith(_CONSTANT):
        return f'{values[0]:.2f}'
    spread = _spread(values)
    return f'{mean(values):.1f}' + ('' if spread is None else f' ± {spread:.1f}')


def _spread(values: Sequence[float] | None) -> float | None:
    return stdev(values) if values and len(values) > 1 else None


def _number(value: float | None) -> str:
    return '' if value is None else f'{value:.4f}'


def _seeds(record: Record) -> str:
    folds = ', '.join(str(fold) for fold in record.folds if fold is not None)
    seeds = ', '.join(map(str, record.seeds)) or '-'
    return f'{seeds} (folds {folds})' if folds and record.seeds else seeds
