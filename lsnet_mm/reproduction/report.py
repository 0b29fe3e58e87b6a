"""Tables and pictures of what run folders hold; the same folders give the same bytes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

from ..files import write_atomic
from ..visualization.plots import plot_area, plot_bars, plot_gap
from .record import Record, read_record
from .rendering import comparisons, csv_text, markdown
from .table import Table
from .where import where

_NOTES = """\
DSC, precision and recall are means over the slices with foreground, box mIoU over the same; in
percent, mean ± standard deviation over seeds. "True boxes" is the second stage on ground-truth
boxes. "Difference" is the DSC minus that of the row named beside it, paired by slice, with a 95 %
BCa bootstrap interval over patients. Columns that begin with "paper" are the paper's own figures,
for its nets on its split of Pancreas-CT. "Holm": p-values of the differences by a permutation test
that flips the signs of patients, adjusted for as many comparisons.
"""
#: The fold that was looked at when anything was chosen.
_CHOSEN_ON = 0


def read_records(
    table: Table, data: str, results: str | Path = 'results', from_scratch: bool = False
) -> list[Record]:
    """What there is of each row of a table, in their order."""
    return [read_record(row, data, Path(results), from_scratch) for row in table.rows]


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

    Of Table 1 also ``table1_<scale>_short.md``, its rows and scores that a README has room for. Of
    several folds also ``table<k>_<scale>_kept.md``: DSC and differences without fold 0, which
    choices were made on.

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
        files[f'where_{name}.md'] = f'{where(ours)}\n'.encode()
        short = table.short()
        files[f'{name}_short.md'] = (
            markdown(short, [r for r in records if r.row.paper]) + '\n'
        ).encode()
    if any(len(record.folds) > 1 for record in records):
        files[f'{name}_kept.md'] = _kept(table, records).encode()
    files |= {f'{kind}_{name}.png': png for kind, png in plots(table, records).items()}
    return [write_atomic(folder / file, content) for file, content in files.items()]


def _with_comparisons(table: Table, records: Sequence[Record]) -> str:
    parts = markdown(table, records), comparisons(table, records)
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
