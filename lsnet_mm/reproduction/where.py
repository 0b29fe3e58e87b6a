"""Where a row and its reference differ: boxes or masks, which areas, which patients."""

from collections.abc import Sequence
from statistics import mean

from ..evaluation.statistics import by_area, per_patient
from .comparison import compare, paired_runs
from .record import Record

#: Of an object in a slice, in pixels of the slice.
AREAS = (0, 500, 1000, 2000, float('inf'))
_KEYS = {
    'box mIoU': 'box/miou',
    'DSC with true boxes': 'oracle/slice_fg/dsc',
}


def where(records: Sequence[Record]) -> str:
    """A table in Markdown: the reference minus each row that has one, in points.

    Args:
        records: Of :func:`read_records`; rows without a result, or whose reference has none, are
            left out.

    Returns:
        str: Empty without any pair.
    """
    columns = {}
    for record in records:
        difference = compare(record, records)
        if difference is None:
            continue
        reference = next(r for r in records if r.row.system == record.row.reference)
        columns[f'{reference.row.label} - {record.row.label}'] = _column(reference, record)
    if not columns:
        return ''
    lines = [['', *columns], ['---', *['---:'] * len(columns)]]
    names = dict.fromkeys(name for column in columns.values() for name in column)
    lines += [[name, *(c.get(name, '-') for c in columns.values())] for name in names]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)


def _column(ours: Record, theirs: Record) -> dict[str, str]:
    a, b = paired_runs(ours, theirs)
    cells = {
        name: f'{mean(ours.scores[key]) - mean(theirs.scores[key]):+.1f}'
        for name, key in _KEYS.items()
        if key in ours.scores and key in theirs.scores
    }
    for (low, high), (value, count) in by_area(a, b, AREAS).items():
        if count:
            span = f'{low} pixels or more' if high == AREAS[-1] else f'{low} to {high - 1} pixels'
            cells[f'DSC, {span} ({count} slices)'] = f'{value:+.1f}'
    return cells | {
        f'DSC, {case}': f'{value:+.1f}' for case, value in sorted(per_patient(a, b).items())
    }
