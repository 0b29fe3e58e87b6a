"""The folder that one run leaves behind, and the only source of tables, statistics and plots.

- ``result.json``: what was run, on which data, with which code, and what came out (``SCHEMA``)
- ``slices.csv``: one row a slice, as ``lsnet_mm.evaluation.functional`` describes them
- ``curve.json``: losses of training and metrics of validation over time
- ``panel.png``: the best, the median and the worst slices

A subfolder ``train_split`` holds the same of the slices of training, where these were scored too.
"""

import csv
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from rich.table import Table

from ..utils.files import is_absolute, write_atomic

__all__ = ['read_curve', 'read_run', 'run_folders']

SCHEMA = 'lsnet_mm.result/1'
TRAIN_SPLIT = 'train_split'

#: Of metrics that are no percentages, by how their names end.
UNITS = {'hd95': ' mm', 'box/size': ' log2', 'box/rounds': ' rounds'}
#: What mmengine logs beside metrics.
_CLOCKS = frozenset({'step', 'epoch', 'iter', 'lr', 'base_lr', 'time', 'data_time', 'memory'})


def write_result(folder: str | Path, result: Mapping[str, object]) -> Path:
    """Write ``result.json``; numbers that are not finite become null.

    Raises:
        ValueError: If a text in it is an absolute path: results are published.
    """
    text = json.dumps(finite({'schema': SCHEMA, **result}), indent=2, allow_nan=False) + '\n'
    texts = map(json.loads, re.findall(r'"(?:[^"\\]|\\.)*"', text))  # keys, too
    if leaks := [one for one in texts if is_absolute(one)]:
        raise ValueError(f'result.json must not hold absolute paths, got {leaks}')
    return write_atomic(Path(folder) / 'result.json', text.encode())


def write_slices(folder: str | Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write ``slices.csv``; what does not apply to a model is left blank."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    buffer = StringIO(newline='')
    writer = csv.DictWriter(buffer, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return write_atomic(Path(folder) / 'slices.csv', buffer.getvalue().encode())


def write_curve(folder: str | Path, curve: Mapping[str, list]) -> Path:
    """Write ``curve.json`` as :func:`read_curve` gives it."""
    text = json.dumps(finite(curve), indent=1, allow_nan=False) + '\n'
    return write_atomic(Path(folder) / 'curve.json', text.encode())


def read_curve(work_dir: str | Path) -> dict[str, list[dict]]:
    """Merge ``<work_dir>/<timestamp>/vis_data/scalars.json`` of all starts of a training.

    A resumed training repeats epochs that its crashed predecessor had logged: each start replaces
    whatever earlier ones said from its first epoch (or step) on.

    Returns:
        dict: ``train``: ``epoch`` and the mean of each logged loss in it, or ``iter`` and the
        losses as logged, for iteration-based training; ``val``: ``step`` and the metrics.
    """
    train, val = {}, {}
    for file in sorted(Path(work_dir).glob('*/vis_data/scalars.json')):
        losses, metrics = _read_scalars(file)
        for old, new in ((train, losses), (val, metrics)):
            first = min(new, default=float('inf'))
            for step in [s for s in old if s >= first]:
                del old[step]
            old.update(new)
    return {
        'train': [train[step] for step in sorted(train)],
        'val': [val[step] for step in sorted(val)],
    }


def _read_scalars(file: Path) -> tuple[dict[int, dict], dict[int, dict]]:
    logged, train, val = defaultdict(lambda: defaultdict(list)), {}, {}
    for line in map(json.loads, filter(str.strip, file.read_text().splitlines())):
        metrics = {key: value for key, value in line.items() if key not in _CLOCKS}
        losses = {key: value for key, value in line.items() if 'loss' in key}
        name = 'epoch' if 'epoch' in line else 'iter'
        for key, value in losses.items():
            logged[name, line.get(name, line['step'])][key].append(value)
        if metrics and not losses:
            val[line['step']] = {'step': line['step'], **metrics}
    for (name, step), values in logged.items():
        train[step] = {name: step} | {k: float(np.mean(each)) for k, each in values.items()}
    return train, val


def run_folders(folder: str | Path) -> list[Path]:
    """The run folders at any depth below a folder; scores of training slices belong to theirs.

    Raises:
        ValueError: If there is none.
    """
    found = sorted(path.parent for path in Path(folder).rglob('result.json'))
    found = [path for path in found if path.name != TRAIN_SPLIT]
    if not found:
        raise ValueError(f'no result.json below {folder}; tools/test.py writes one')
    return found


def read_run(folder: str | Path) -> tuple[dict, list[dict]]:
    """Read ``result.json`` and ``slices.csv`` back.

    Returns:
        tuple: The result, and the rows with the types that the metric gave them.

    Raises:
        ValueError: If the schema is not this version's.
    """
    folder = Path(folder)
    result = json.loads((folder / 'result.json').read_text())
    if result.get('schema') != SCHEMA:
        raise ValueError(f'expected schema {SCHEMA}, {folder.name} has {result.get("schema")}')
    with (folder / 'slices.csv').open(newline='') as file:
        return result, [
            {k: text if k == 'case' else _number(text) for k, text in row.items()}
            for row in csv.DictReader(file)
        ]


def _number(text: str) -> int | float | None:
    if not text:
        return None
    return int(text) if text.lstrip('-').isdigit() else float(text)


def metric_table(result: dict) -> Table:
    """The metrics of a run for the terminal: a row a protocol and class, and a row any other.

    Args:
        result: As in ``result.json``.
    """
    metrics = dict(result['metrics'])
    data = '/'.join(str(result['data'][key]) for key in ('name', 'split') if result['data'][key])
    title = ', '.join(text for text in (result['config'], data) if text)
    table = Table(title=title or None, caption='percent, where no other unit stands')
    for column in ('', 'DSC', 'precision', 'recall'):
        table.add_column(column, justify='right' if column else 'left')
    units = [key.removesuffix('/dsc') for key in metrics if key.endswith('/dsc')]
    for unit in units:
        keys = [f'{unit}/{name}' for name in ('dsc', 'precision', 'recall')]
        if not metrics.keys() >= {*keys}:  # another metric's
            continue
        table.add_row(unit.removeprefix('class/'), *(f'{metrics.pop(key):.2f}' for key in keys))
    table.add_section()
    for key, value in metrics.items():
        unit = next((unit for end, unit in UNITS.items() if key.endswith(end)), '')
        table.add_row(key, f'{value:.2f}{unit}')
    return table


def finite(node: object) -> object:
    """Dicts, lists and tuples with null for all numbers that JSON has not; tuples become lists."""
    return json.loads(json.dumps(node), parse_constant=lambda name: None)
