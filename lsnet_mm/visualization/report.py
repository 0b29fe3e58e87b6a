"""An evaluation as a page: tables that sort, plots, and the slices behind the numbers."""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from ..evaluation.functional import SliceRow, aggregate, box_scores
from ..evaluation.results import SCHEMA, finite, read_run, run_folders
from .page import encode_image, fill_template
from .plots import plot_area, plot_bars

#: Columns of the table of runs, of ``metrics`` in result.json; in percent unless they say so.
COLUMNS = {
    'DSC': 'slice_fg/dsc',
    'true boxes': 'oracle/slice_fg/dsc',
    'precision': 'slice_fg/precision',
    'recall': 'slice_fg/recall',
    'DSC by case': 'case/dsc',
    'HD95 (mm)': 'case/hd95',
    'box mIoU': 'box/miou',
}
QUALITY = 85  # of panels as JPEG, which is a quarter of their PNG
CLASS = re.compile(r'class/[^/]+/case/dsc')
_COUNTS = ('slice', 'area', 'tp', 'fp', 'fn')


def report_page(folder: str | Path) -> bytes:
    """A page about all runs at any depth below a folder, in one file that loads nothing.

    Runs are compared with those on the same data set and split. All numbers come from
    ``result.json``, ``slices.csv`` and ``curve.json``.

    Args:
        folder: The results.

    Returns:
        bytes: HTML in UTF-8, the same for the same files.

    Raises:
        ValueError: If there is no run, or a file of one is missing, broken or foreign; it names
            the file and the fix.
    """
    groups = defaultdict(list)
    for path in run_folders(folder):
        data, run, rows = _read(path, path.relative_to(folder).as_posix())
        groups[data].append((run, rows))
    page = [
        {'data': data, **_plots(own), 'runs': [run for run, _ in own]}
        for data, own in groups.items()
    ]
    return fill_template('report.html', finite({'columns': COLUMNS, 'groups': page}))


def systems(names: Sequence[tuple[str, str]]) -> list[str]:
    """A label for each run's folder below the results and config.

    It is the config's name, with the folder before it where several have that name. Runs of one
    config in one folder are the seeds and folds of one system, and share theirs.
    """
    keys = [(name.rpartition('/')[0], config) for name, config in names]
    configs = [config for _, config in dict.fromkeys(keys)]
    return [
        config if configs.count(config) == 1 else f'{parent or "."}: {config}'
        for parent, config in keys
    ]


def _plots(runs: Sequence[tuple[dict, list[SliceRow]]]) -> dict[str, str | None]:
    """The two plots of runs on the same data, as base64."""
    scores, rows = defaultdict(list), defaultdict(list)
    labels = systems([(run['name'], run['config']) for run, _ in runs])
    for label, (run, own) in zip(labels, runs, strict=True):
        if (score := run['metrics'].get(COLUMNS['DSC'])) is not None:
            scores[label].append(score)
        rows[label] += [row for row in own if row['area'] > 0]
    rows = {label: own for label, own in rows.items() if own}
    return {
        'bars': base64.b64encode(plot_bars(scores)).decode() if scores else None,
        'area': base64.b64encode(plot_area(rows)).decode() if rows else None,
    }


def _read(folder: Path, name: str) -> tuple[str, dict, list[SliceRow]]:
    """A run: what it may be compared with, what the page shows of it, and its slices."""
    with _named(folder / 'result.json') as path:
        result = json.loads(path.read_text(encoding='utf-8'))
        schema = result.get('schema') if isinstance(result, dict) else None
        if schema != SCHEMA:
            raise ValueError(
                f'not a result of this version, expected schema {SCHEMA}, got {schema}'
            )
        data, metrics = result['data'], result['metrics']
        numbers = [*metrics.values(), result['gflops'], result['train']['minutes']]
        if not all(value is None or isinstance(value, (int, float)) for value in numbers):
            raise ValueError('a metric that is no number')
        facts = {
            'config SHA-256': result.get('config_sha256'),
            'data SHA-256': data.get('sha256'),
            **result.get('env', {}),
        }
        run = {
            'name': result['config'] if name == '.' else name,  # of the results themselves
            'config': result['config'],
            'seed': result['seed'],
            'fold': data.get('fold'),
            'metrics': metrics,
            'classes': _classes(metrics),
            'params': result['params'] / 1e6,
            'gflops': result['gflops'],
            'minutes': result['train']['minutes'],
            'facts': {key: str(value) for key, value in facts.items() if value is not None},
        }
        group = '/'.join(str(data[key]) for key in ('name', 'split') if data.get(key))
    with _named(folder / 'slices.csv'):
        rows = read_run(folder)[1]
        run['cases'] = _cases(rows, metrics.get('case/dsc'))
    with _named(folder / 'curve.json') as path:
        text = path.read_text(encoding='utf-8') if path.exists() else '{"train": [], "val": []}'
        run['curve'] = _curve(json.loads(text))
    with _named(folder / 'panel.png') as path:
        panel = Image.open(path).convert('RGB') if path.exists() else None
        run['panel'] = panel and encode_image(panel, 'jpeg', quality=QUALITY, subsampling=0)
    return group or 'unnamed data', run, rows


@contextmanager
def _named(path: Path) -> Iterator[Path]:
    """Whatever fails inside is an error that names the file and the fix."""
    try:
        yield path
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # The text of an OSError repeats the path.
        cause = getattr(error, 'strerror', None) or str(error) or type(error).__name__
        cause = f'lacks {error}' if isinstance(error, KeyError) else cause
        fix = 'write it again with tools/test.py, or move the folder out of the results'
        raise ValueError(f'{path}: {cause}; {fix}') from error


def _classes(metrics: dict[str, float]) -> list[dict[str, object]]:
    """Scores of each class in percent; none where there is one alone."""
    names = [key.split('/')[1] for key in metrics if CLASS.fullmatch(key)]
    keys = {key: f'case/{key}' for key in ('dsc', 'precision', 'recall')}
    keys |= {'slice_dsc': 'slice_fg/dsc', 'hd95': 'case/hd95'}
    return [
        {'class': name, **{k: metrics.get(f'class/{name}/{key}') for k, key in keys.items()}}
        for name in names
    ]


def _cases(rows: Sequence[SliceRow], told: float | None) -> list[dict[str, object]]:
    """Scores of each case in percent, of its 3D counts and of its slices."""
    groups = defaultdict(list)
    for line, row in enumerate(rows, start=2):
        if not row['case'] or not all(isinstance(row[key], int) for key in _COUNTS):
            raise ValueError(f'line {line} lacks a case or a count')
        groups[row['case']].append(row)
    if not groups:
        raise ValueError('no slices')
    own = aggregate(rows, protocols=['case'])['case/dsc']
    if told is not None and abs(own - told) > 0.01:
        raise ValueError(f'its DSC by case is {own:.2f}, but result.json says {told:.2f}')
    return [{'case': case, **_case_scores(own)} for case, own in groups.items()]


def _case_scores(rows: Sequence[SliceRow]) -> dict[str, object]:
    scores = aggregate(rows, protocols=('case', 'slice_fg'))
    boxes = rows[0].get('n_boxes') is not None
    return {
        'slices': len({row['slice'] for row in rows}),
        'area': sum(row['area'] for row in rows),
        **{key: scores[f'case/{key}'] for key in ('dsc', 'precision', 'recall')},
        'slice_dsc': scores['slice_fg/dsc'],
        'box_iou': box_scores(rows)['box/miou'] if boxes else None,
    }


def _curve(curve: dict) -> dict[str, object]:
    """The loss of training and the DSC of validation, as pairs of x and y."""
    unit = 'epoch' if any('epoch' in point for point in curve['train']) else 'iter'

    def pairs(points: list[dict], x: str, y: str) -> list[tuple[float, float]]:
        known = [
            (point[x], point[y]) for point in points if None not in (point.get(x), point.get(y))
        ]
        return [(a, float(f'{b:.5g}')) for a, b in known]

    loss, dsc = pairs(curve['train'], unit, 'loss'), pairs(curve['val'], 'step', COLUMNS['DSC'])
    return {'unit': unit, 'loss': loss, 'dsc': dsc}
