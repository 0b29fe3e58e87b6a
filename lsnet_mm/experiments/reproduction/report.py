"""Tables and pictures of what run folders hold; the same folders give the same bytes."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path
from statistics import mean, stdev

from ...evaluation.functional import box_scores
from ...evaluation.statistics import by_area, holm, per_patient
from ...utils.files import write_atomic
from ...visualization.plots import plot_area, plot_bars, plot_gap
from .record import Record, read_records
from .tables import Table

_NOTES = """\
DSC, precision and recall are means over the slices with foreground, box mIoU over the same; in
percent, mean ± standard deviation over seeds. "True boxes" is the second stage on ground-truth
boxes. "Difference" is the DSC minus that of the row named beside it, paired by slice, with a 95 %
BCa bootstrap interval over patients. Columns that begin with "paper" are the paper's own figures,
for its nets on its split of Pancreas-CT. "Holm": p-values of the differences by a permutation test
that flips the signs of patients, adjusted for as many comparisons. "DSC by case": the same
differences of the Dice of a patient's slices together.
"""
#: The fold that was looked at when anything was chosen.
_CHOSEN_ON = 0
_CONSTANT = ('params', 'gflops')
#: Of an object in a slice, in pixels of the slice.
_AREAS = (0, 500, 1000, 2000, float('inf'))
_BOXES = {
    'box mIoU': 'box/miou',
    'with the true centre': 'box/miou_center',
    'with the true size': 'box/miou_size',
    'boxes below 0.1 IoU': 'box/low',
    'slices with DSC 0': 'slice_fg/failed',
}
_BREAKDOWN = {'box mIoU': 'box/miou', 'DSC with true boxes': 'oracle/slice_fg/dsc'}


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
        ['system', *table.columns, 'difference', 'to', 'seeds', *papers.values()],
        [left, *[right] * (len(table.columns) + 1), left, left, *[right] * len(papers)],
    ]
    for record in records:
        cells = [_text(record.scores.get(key), key) for key in table.columns.values()]
        if not record.seeds:
            cells[0] = 'not run'
        d = record.difference
        cells += ['-', '-'] if d is None else [str(d), record.reference.row.label]
        cells.append(_seeds(record))
        cells += [record.row.paper.get(name, '-') for name in papers]
        lines.append([record.row.label, *cells])
    return _lines(lines)


def comparisons(records: Sequence[Record]) -> str:
    """A line with the p-values of all differences in a table, adjusted; empty without any.

    Args and errors are those of :func:`markdown`.
    """
    compared = [record for record in records if record.difference is not None]
    p_values = holm([record.difference.p for record in compared])
    each = [
        f'{r.row.label} - {r.reference.row.label} p {f"= {p:.3f}" if p >= 0.001 else "< 0.001"}'
        for r, p in zip(compared, p_values, strict=True)
    ]
    plural = 's' * (len(each) > 1)
    return f'Holm over {len(each)} comparison{plural}: {", ".join(each)}.' if each else ''


def csv_text(table: Table, records: Sequence[Record]) -> str:
    """The same with more digits, and blanks for what is not there."""
    lines = [_csv_cells(table, record) for record in records]
    buffer = StringIO(newline='')
    writer = csv.DictWriter(buffer, lines[0], lineterminator='\n')
    writer.writeheader()
    writer.writerows(lines)
    return buffer.getvalue()


def breakdown(records: Sequence[Record]) -> str:
    """A table in Markdown: the reference minus each row that has one, in points.

    Args:
        records: Of :func:`read_records`; rows without a result, or whose reference has none, are
            left out.

    Returns:
        str: Empty without any pair.
    """
    columns = {
        f'{record.reference.row.label} - {record.row.label}': _column(record)
        for record in records
        if record.difference is not None
    }
    if not columns:
        return ''
    names = dict.fromkeys(name for column in columns.values() for name in column)
    body = [[name, *(column.get(name, '-') for column in columns.values())] for name in names]
    return _lines([['', *columns], ['---', *['---:'] * len(columns)], *body])


def boxes(records: Sequence[Record]) -> str:
    """How the boxes of the rows that have any fail, in Markdown and in percent."""
    spans = [
        f'{low} pixels or more' if high == float('inf') else f'{low} to {high - 1}'
        for low, high in pairwise(_AREAS)
    ]
    lines = [['system', *_BOXES, *(f'mIoU, {span}' for span in spans)]]
    lines.append(['---', *['---:'] * (len(lines[0]) - 1)])
    for record in records:
        if 'box/miou' not in record.scores:
            continue
        slices = [row for seed in record.seeds for row in record.slices(seed)]
        parts = [
            [row for row in slices if low <= row['area'] < high] for low, high in pairwise(_AREAS)
        ]
        cells = [_text(record.scores.get(key), key) for key in _BOXES.values()]
        cells += [f'{box_scores(part)["box/miou"]:.1f}' if part else '-' for part in parts]
        lines.append([record.row.label, *cells])
    return _lines(lines)


def plots(table: Table, records: Sequence[Record]) -> dict[str, bytes]:
    """PNG files by what they show: ``bars``, ``area`` for Table 1, ``gap`` with training boxes."""
    run = [record for record in records if record.seeds]
    if not run:
        return {}
    pictures = {'bars': plot_bars({r.row.label: r.scores['slice_fg/dsc'] for r in run})}
    ours = [record for record in run if record.row.paper]
    if table.number == 1 and ours:
        rows = {r.row.label: [row for seed in r.seeds for row in r.slices(seed)] for r in ours}
        pictures['area'] = plot_area(rows)
    gap = {
        r.row.label: (mean(r.scores['train/box/miou']), mean(r.scores['box/miou']))
        for r in run
        if 'train/box/miou' in r.scores
    }
    if table.train_split and gap:
        pictures['gap'] = plot_gap(gap)
    return pictures


def write_report(
    table: Table,
    data: str,
    scale: str,
    results: str | Path = 'results',
    from_scratch: bool = False,
) -> list[Path]:
    """Write ``<results>/<data>/tables/table<k>_<scale>.md``, ``.csv`` and the pictures.

    Of Table 1 also ``table1_<scale>_short.md``, its rows and scores that a README has room for,
    ``where_table1_<scale>.md``, their :func:`breakdown`, and ``boxes_table1_<scale>.md``, how boxes
    fail (:func:`boxes`). Of several folds also
    ``table<k>_<scale>_kept.md``: DSC and differences without fold 0, which choices were made on.

    Returns:
        list: The files.
    """
    records = read_records(table, data, results, from_scratch)
    folder, name = Path(results) / data / 'tables', f'table{table.number}_{scale}'
    weights = ', from random weights' if from_scratch else ''
    text = f'# Table {table.number}: {table.title}\n\nData: {data}; scale: {scale}{weights}.\n\n'
    text += f'{_with_comparisons(table, records)}\n{_NOTES}'
    for path in (path for record in records for path in record.stale):
        text += f'\nLeft out, because it is of another config: `{path.relative_to(results)}`.\n'
    files = {f'{name}.md': text.encode(), f'{name}.csv': csv_text(table, records).encode()}
    if table.number == 1:
        ours = [record for record in records if record.row.paper]
        files[f'where_{name}.md'] = f'{breakdown(ours)}\n'.encode()
        files[f'boxes_{name}.md'] = f'{boxes(records)}\n'.encode()
        files[f'{name}_short.md'] = f'{markdown(table.short(), ours)}\n'.encode()
    if any(len(record.folds) > 1 for record in records):
        files[f'{name}_kept.md'] = _kept(table, records).encode()
    files |= {f'{kind}_{name}.png': png for kind, png in plots(table, records).items()}
    return [write_atomic(folder / file, content) for file, content in files.items()]


def by_case(records: Sequence[Record]) -> str:
    """A line with the differences in DSC by case; empty without any."""
    each = [
        f'{record.row.label} - {record.reference.row.label} {difference}'
        for record in records
        if (difference := record.difference_by('case')) is not None
    ]
    return f'DSC by case: {", ".join(each)}.' if each else ''


def _with_comparisons(table: Table, records: Sequence[Record]) -> str:
    parts = markdown(table, records), comparisons(records), by_case(records)
    return ''.join(f'{part}\n\n' for part in parts if part)[:-1]


def _kept(table: Table, records: Sequence[Record]) -> str:
    """A short table of the folds that nothing was chosen on."""
    rows = tuple(replace(row, paper={}) for row in table.rows)
    short = replace(table, rows=rows, columns={'DSC': 'slice_fg/dsc'})
    kept = [
        replace(record.without_fold(_CHOSEN_ON), row=row)
        for record, row in zip(records, rows, strict=True)
    ]
    folds = sorted({fold for record in kept for fold in record.folds})
    title = f'# Table {table.number}, folds {", ".join(map(str, folds))}'
    return f'{title}\n\n{_with_comparisons(short, kept)}'


def _column(record: Record) -> dict[str, str]:
    theirs, ours = record.scores, record.reference.scores
    b, a = record.paired_runs()
    cells = {
        name: f'{mean(ours[key]) - mean(theirs[key]):+.1f}'
        for name, key in _BREAKDOWN.items()
        if key in ours and key in theirs
    }
    for (low, high), (value, count) in by_area(a, b, _AREAS).items():
        if count:
            span = f'{low} pixels or more' if high == _AREAS[-1] else f'{low} to {high - 1} pixels'
            cells[f'DSC, {span} ({count} slices)'] = f'{value:+.1f}'
    return cells | {
        f'DSC, {case}': f'{value:+.1f}' for case, value in sorted(per_patient(a, b).items())
    }


def _csv_cells(table: Table, record: Record) -> dict[str, object]:
    cells = {'system': record.row.label, 'config': record.row.system.name}
    for key in table.columns.values():
        values = record.scores.get(key)
        cells |= {key: _number(values and mean(values)), f'{key} std': _number(_spread(values))}
    cells |= dict.fromkeys(('difference', 'low', 'high', 'to', 'patients'), '')
    if (d := record.difference) is not None:
        cells |= {'difference': _number(d.mean), 'low': _number(d.low), 'high': _number(d.high)}
        cells |= {'to': record.row.reference.name, 'patients': d.patients}
    cells['seeds'] = ' '.join(map(str, record.seeds))
    return cells | {
        column: record.row.paper.get(name, '') for name, column in _paper_columns(table).items()
    }


def _paper_columns(table: Table) -> dict[str, str]:
    """The headers of the paper's own figures by their names."""
    return {name: f'paper: {name}' for row in table.rows for name in row.paper}


def _lines(rows: Iterable[Sequence[str]]) -> str:
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in rows)


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
