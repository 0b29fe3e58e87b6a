"""Tables and pictures of what run folders hold; the same folders give the same bytes."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from io import StringIO
from itertools import pairwise, zip_longest
from pathlib import Path
from statistics import mean, stdev

from ...evaluation.functional import box_scores, slice_dsc
from ...evaluation.statistics import by_area, holm, per_patient
from ...utils.files import write_atomic
from ...visualization.plots import plot_area, plot_bars, plot_dots
from .record import Record, read_records
from .tables import Table

_NOTES = """\
DSC, precision and recall are means over the slices with foreground, box mIoU over the same; in
percent, mean ± standard deviation over seeds. "True boxes" is the second stage on ground-truth
boxes. "Difference" is the DSC minus that of the row named beside it, paired by slice, with a 95 %
BCa bootstrap interval over patients. Columns that begin with "paper" are the paper's own figures,
for its nets on its split of Pancreas-CT. "Holm": p-values of the differences that conclusions are
drawn from (of all where there are none), by a permutation test that flips the signs of patients,
adjusted for as many comparisons. "DSC by case": the differences of the Dice of a patient's slices
together.
"""
#: The fold that was looked at when anything was chosen.
_CHOSEN_ON = 0
#: Areas of an object in a slice, in pixels of the slice, and what is from each to the next.
_EDGES = (0, 500, 1000, 2000, float('inf'))
_AREAS = ('0 to 499 pixels', '500 to 999 pixels', '1000 to 1999 pixels', '2000 pixels or more')
_BOXES = {
    'box mIoU': 'box/miou',
    'with the true centre': 'box/miou_center',
    'with the true size': 'box/miou_size',
    'boxes below 0.1 IoU': 'box/low',
    'slices with DSC 0': 'slice_fg/failed',
}
_FEW = {'DSC': 'slice_fg/dsc', 'DSC by case': 'case/dsc', 'box mIoU': 'box/miou'}
#: Columns of words.
_WORDS = ('', 'system', 'to', 'seeds', 'S-Net of', 'at errors of')
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
    lines = [['system', *table.columns, 'difference', 'to', 'seeds', *papers.values()]]
    for record in records:
        cells = [_text(record.scores.get(key), key) for key in table.columns.values()]
        if not record.slices:
            cells[0] = 'not run'
        d = record.differences.get('slice_fg')
        cells += ['-', '-'] if d is None else [str(d), record.reference.row.label]
        seeds = ', '.join(map(str, record.slices)) or '-'
        folds = ', '.join(str(fold) for fold in record.folds if fold is not None)
        cells.append(f'{seeds} (folds {folds})' if folds and record.slices else seeds)
        lines.append([record.row.label, *cells, *(record.row.paper.get(p, '-') for p in papers)])
    return markdown_table(lines)


def csv_text(table: Table, records: Sequence[Record]) -> str:
    """The same with more digits, and blanks for what is not there."""
    lines = []
    for record in records:
        cells = {'system': record.row.label, 'config': record.row.system.name}
        for key in table.columns.values():
            figures = [f'{value:.4f}' for value in _mean_and_spread(record.scores.get(key))]
            cells |= zip_longest((key, f'{key} std'), figures, fillvalue='')
        cells |= dict.fromkeys(('difference', 'low', 'high', 'to', 'patients'), '')
        if d := record.differences.get('slice_fg'):
            cells |= {'to': record.row.reference.name, 'patients': d.patients}
            cells |= {'difference': f'{d.mean:.4f}', 'low': f'{d.low:.4f}', 'high': f'{d.high:.4f}'}
        cells['seeds'] = ' '.join(map(str, record.slices))
        papers = _paper_columns(table).items()
        lines.append(cells | {column: record.row.paper.get(name, '') for name, column in papers})
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
    columns = {}
    for record in records:
        if record.differences:
            (b, a), theirs, ours = record.paired, record.scores, record.reference.scores
            keys = [(name, k) for name, k in _BREAKDOWN.items() if k in ours and k in theirs]
            cells = {name: mean(ours[key]) - mean(theirs[key]) for name, key in keys}
            areas = zip(_AREAS, by_area(a, b, _EDGES).values(), strict=True)
            cells |= {f'DSC, {area} ({n} slices)': value for area, (value, n) in areas if n}
            cells |= {f'DSC, {case}': v for case, v in sorted(per_patient(a, b).items())}
            columns[f'{record.reference.row.label} - {record.row.label}'] = cells
    if not columns:
        return ''
    lines = [['', *columns]]
    for name in dict.fromkeys(name for cells in columns.values() for name in cells):
        cells = [f'{c[name]:+.1f}' if name in c else '-' for c in columns.values()]
        lines.append([name, *cells])
    return markdown_table(lines)


def boxes(records: Sequence[Record]) -> str:
    """How the boxes of the rows that have any fail, in Markdown and in percent."""
    lines = [['system', *_BOXES, *(f'mIoU, {name.removesuffix(" pixels")}' for name in _AREAS)]]
    for record in records:
        if 'box/miou' in record.scores:
            cells = [_text(record.scores.get(key), key) for key in _BOXES.values()]
            slices = [row for rows in record.slices.values() for row in rows]
            for low, high in pairwise(_EDGES):
                part = [row for row in slices if low <= row['area'] < high]
                cells.append(f'{box_scores(part)["box/miou"]:.1f}' if part else '-')
            lines.append([record.row.label, *cells])
    return markdown_table(lines)


def plots(table: Table, records: Sequence[Record]) -> dict[str, bytes]:
    """PNG files by what they show: ``bars``, ``folds`` where there are several, ``area`` for Table
    1, ``gap`` with training boxes.

    Of the rows that have every fold which any has.
    """
    folds = {fold for record in records for fold in record.folds}  # bars of fewer say another thing
    run = {r.row.label: r for r in records if r.slices and len(r.folds) == len(folds)}
    if not run:
        return {}
    pictures = {'bars': plot_bars({label: r.scores['slice_fg/dsc'] for label, r in run.items()})}
    papers = {label: sum(r.slices.values(), []) for label, r in run.items() if r.row.paper}
    if table.number == 1 and papers:
        pictures['area'] = plot_area(papers)
    if len(folds) > 1:
        dots = {label: _by_fold(record) for label, record in run.items()}
        pictures['folds'] = plot_dots(dots, 'DSC (%)')
    keys = {'training': 'train/box/miou', 'validation': 'box/miou'}
    gap = {
        label: {name: mean(r.scores[key]) for name, key in keys.items()}
        for label, r in run.items()
        if r.train
    }
    if gap:
        pictures['gap'] = plot_dots(gap, 'Mean IoU of boxes (%)')
    return pictures


def _by_fold(record: Record) -> dict[str, float]:
    """The DSC of slices of each fold, the mean over its seeds."""
    values = {}
    for (fold, _), (_, rows) in record.runs.items():
        values.setdefault(f'fold {fold}', []).append(mean(slice_dsc(rows).values()))
    return {name: mean(own) for name, own in sorted(values.items())}


def write_report(
    table: Table, data: str, scale: str, results: str | Path = 'results', from_scratch: bool = False
) -> list[Path]:
    """Write ``<results>/<data>/tables/table<k>_<scale>.md``, ``.csv`` and the pictures.

    Of Table 1 also ``table1_<scale>_short.md``, the rows and scores that a README has room for,
    ``where_table1_<scale>.md``, the :func:`breakdown` of the paper's rows, and
    ``boxes_table1_<scale>.md``, how boxes fail (:func:`boxes`). Of rows with several folds also
    ``table<k>_<scale>_kept.md``: DSC and differences without fold 0, which choices were made on;
    and ``table<k>_<scale>_seeds.md``: the rows with several seeds on fold 0.

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
    files = {f'{name}.md': text, f'{name}.csv': csv_text(table, records)}
    if table.number == 1:
        ours = [record for record in records if record.row.paper]
        files[f'where_{name}.md'] = f'{breakdown(ours)}\n'
        files[f'boxes_{name}.md'] = f'{boxes(records)}\n'
        short = table.short()
        few = {row.system for row in short.rows}
        claims = [record for record in records if record.row.system in few]
        files[f'{name}_short.md'] = f'{markdown(short, claims)}\n'
    folds = sorted({fold for record in records for fold in record.folds if fold is not None})
    if len(folds) > 1:
        some = partial(_some_folds, table, data=data, results=results, from_scratch=from_scratch)
        files[f'{name}_kept.md'] = some([fold for fold in folds if fold != _CHOSEN_ON])
        files[f'{name}_seeds.md'] = some([_CHOSEN_ON], seeds=2)
    contents = {file: text.encode() for file, text in files.items()}
    contents |= {f'{kind}_{name}.png': png for kind, png in plots(table, records).items()}
    return [write_atomic(folder / file, content) for file, content in contents.items()]


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, the first the header, in Markdown; figures are on the right."""
    ruler = ['---' if name in _WORDS else '---:' for name in lines[0]]
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in (lines[0], ruler, *lines[1:]))


def _some_folds(table: Table, folds: Sequence[int], seeds: int = 1, **of: object) -> str:
    """The same of some folds, without the paper's figures; of rows with as many seeds."""
    rows = tuple(replace(row, paper={}) for row in table.rows)
    short = replace(table, rows=rows, columns=_FEW)
    records = [r for r in read_records(short, folds=folds, **of) if len(r.slices) >= seeds]
    title = f'# Table {table.number}, fold{"s" * (len(folds) > 1)} {", ".join(map(str, folds))}'
    return f'{title}\n\n{_with_comparisons(short, records)}'


def _with_comparisons(table: Table, records: Sequence[Record]) -> str:
    """The table, the p-values of its claims (of all, if there are none), adjusted, and all
    differences by case."""
    text = f'{markdown(table, records)}\n'
    pairs = {f'{r.row.label} - {r.reference.row.label}': r for r in records if r.differences}
    if pairs:
        claims = {pair: r for pair, r in pairs.items() if r.row.claim} or pairs
        p_values = holm([r.differences['slice_fg'].p for r in claims.values()])
        each = [f'p = {p:.3f}' if p >= 0.001 else 'p < 0.001' for p in p_values]
        adjusted = ', '.join(map('{} {}'.format, claims, each))
        by_case = ', '.join(f'{pair} {r.differences["case"]}' for pair, r in pairs.items())
        text += f'\nHolm over {len(each)} comparison{"s" * (len(each) > 1)}: {adjusted}.\n'
        text += f'\nDSC by case: {by_case}.\n'
    return text


def _paper_columns(table: Table) -> dict[str, str]:
    """The headers of the paper's own figures by their names."""
    return {name: f'paper: {name}' for row in table.rows for name in row.paper}


def _text(values: Sequence[float] | None, key: str) -> str:
    if values and key.endswith(('params', 'gflops')):
        return f'{values[0]:.2f}'
    return ' ± '.join(f'{value:.1f}' for value in _mean_and_spread(values)) or '-'


def _mean_and_spread(values: Sequence[float] | None) -> list[float]:
    """Also the standard deviation if there are several; nothing of nothing."""
    return [of(values) for of, least in ((mean, 1), (stdev, 2)) if len(values or ()) >= least]
