"""An evaluation as a page: tables that sort, plots, and the slices behind the numbers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..evaluation.functional import Row, aggregate, box_scores
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
_RESULT_FIX = 'write it again with tools/test.py, or move the folder out of the results'
_FILE_FIX = 'write it again with tools/test.py, or remove it'
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
    folder = Path(folder)
    groups: dict[str, list[ReportRun]] = {}
    for run in (ReportRun.read(path, folder) for path in run_folders(folder)):
        groups.setdefault(run.data, []).append(run)
    data = {
        'columns': COLUMNS,
        'groups': [{'data': name, **_group(runs)} for name, runs in groups.items()],
    }
    return fill_template('report.html', finite(data))


def systems(runs: Sequence[ReportRun]) -> dict[str, list[ReportRun]]:
    """Runs of one config in one folder are the seeds (and folds) of one system, by its label.

    The label is the config's name, with the folder before it where several have that name.
    """
    groups: dict[tuple[str, str], list[ReportRun]] = {}
    for run in runs:
        parent = run.name.rpartition('/')[0]
        groups.setdefault((parent, run.result['config']), []).append(run)
    names = [config for _, config in groups]
    return {
        config if names.count(config) == 1 else f'{parent or "."}: {config}': own
        for (parent, config), own in groups.items()
    }


@dataclass(frozen=True, eq=False)
class ReportRun:
    """One evaluation of one system.

    Attributes:
        name: Path of its folder below the results, with slashes; ``.`` for the results themselves.
        result: As in ``result.json``.
        rows: As in ``slices.csv``, at least one.
        curve: As in ``curve.json``, or None without that file.
        panel: ``panel.png``, or None without that file.
    """

    name: str
    result: dict
    rows: list[Row]
    curve: dict | None
    panel: Image.Image | None

    @classmethod
    def read(cls, folder: Path, root: Path) -> ReportRun:
        """Read ``result.json`` and ``slices.csv``, and ``curve.json`` and ``panel.png`` if there.

        Args:
            folder: Of the run.
            root: The results that it is a part of.

        Raises:
            ValueError: If a file is missing, broken, foreign or of another run; it names the file
                and the fix.
        """
        curve, panel = folder / 'curve.json', folder / 'panel.png'
        result = _checked(folder / 'result.json', _read_result, _RESULT_FIX)
        rows = _checked(folder / 'slices.csv', lambda path: _read_rows(path, result), _RESULT_FIX)
        return cls(
            folder.relative_to(root).as_posix(),
            result,
            rows,
            _checked(curve, _read_curve, _FILE_FIX) if curve.exists() else None,
            _checked(panel, _read_image, _FILE_FIX) if panel.exists() else None,
        )

    @property
    def data(self) -> str:
        """Data set and split, which say what it may be compared with."""
        parts = [self.result['data'].get(key) for key in ('name', 'split')]
        return '/'.join(str(part) for part in parts if part) or 'unnamed data'

    def cases(self) -> list[dict[str, object]]:
        """Scores of each case in percent, of its 3D counts and of its slices."""
        groups: dict[str, list[Row]] = {}
        for row in self.rows:
            groups.setdefault(row['case'], []).append(row)
        return [{'case': case, **_case_scores(rows)} for case, rows in groups.items()]


def _group(runs: Sequence[ReportRun]) -> dict[str, object]:
    by_label = systems(runs)
    scores = {
        label: [s for run in own if (s := run.result['metrics'].get(COLUMNS['DSC'])) is not None]
        for label, own in by_label.items()
    }
    scores = {label: values for label, values in scores.items() if values}
    rows = {label: [row for run in own for row in run.rows] for label, own in by_label.items()}
    rows = {label: own for label, own in rows.items() if _foreground(own)}
    return {
        'bars': base64.b64encode(plot_bars(scores)).decode() if scores else None,
        'area': base64.b64encode(plot_area(rows)).decode() if rows else None,
        'runs': [_run(run) for run in runs],
    }


def _foreground(rows: Sequence[Row]) -> bool:
    return any(row['area'] > 0 for row in rows)


def _run(run: ReportRun) -> dict[str, object]:
    result = run.result
    panel = run.panel and encode_image(run.panel, 'jpeg', quality=QUALITY, subsampling=0)
    return {
        'name': result['config'] if run.name == '.' else run.name,
        'config': result['config'],
        'seed': result['seed'],
        'fold': result['data'].get('fold'),
        'metrics': result['metrics'],
        'params': result['params'] / 1e6,
        'gflops': result['gflops'],
        'minutes': result['train']['minutes'],
        'facts': _facts(result),
        'cases': run.cases(),
        'curve': _curve(run.curve or {'train': [], 'val': []}),
        'panel': panel,
    }


def _facts(result: dict) -> dict[str, str]:
    """What else the result says of where its numbers come from."""
    hashes = {'config': result.get('config_sha256'), 'data': result['data'].get('sha256')}
    facts = {**{f'{key} SHA-256': value for key, value in hashes.items()}, **result.get('env', {})}
    return {key: str(value) for key, value in facts.items() if value is not None}


def _curve(curve: dict) -> dict[str, object]:
    """The loss of training and the DSC of validation, as pairs of x and y."""
    unit = 'epoch' if any('epoch' in point for point in curve['train']) else 'iter'
    pairs = {
        'loss': [(point.get(unit), point.get('loss')) for point in curve['train']],
        'dsc': [(point.get('step'), point.get(COLUMNS['DSC'])) for point in curve['val']],
    }
    known = {
        key: [(x, float(f'{y:.5g}')) for x, y in points if x is not None and y is not None]
        for key, points in pairs.items()
    }
    return {'unit': unit, **known}


def _case_scores(rows: list[Row]) -> dict[str, object]:
    scores = aggregate(rows, protocols=('case', 'slice_fg'))
    boxes = rows[0].get('n_boxes') is not None
    return {
        'slices': len({row['slice'] for row in rows}),
        'area': sum(row['area'] for row in rows),
        **{key: scores[f'case/{key}'] for key in ('dsc', 'precision', 'recall')},
        'slice_dsc': scores['slice_fg/dsc'],
        'box_iou': box_scores(rows)['box/miou'] if boxes else None,
    }


def _checked(path: Path, read: Callable, fix: str):
    try:
        return read(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        # The text of an OSError repeats the path.
        cause = getattr(error, 'strerror', None) or str(error) or type(error).__name__
        cause = f'lacks {error}' if isinstance(error, KeyError) else cause
        raise ValueError(f'{path}: {cause}; {fix}') from error


def _read_result(path: Path) -> dict:
    result = json.loads(path.read_text(encoding='utf-8'))
    schema = result.get('schema') if isinstance(result, dict) else None
    if schema != SCHEMA:
        raise ValueError(f'not a result of this version, expected schema {SCHEMA}, got {schema}')
    # All that the page takes for granted.
    numbers = [*result['metrics'].values(), result['gflops'], result['train']['minutes']]
    if not all(value is None or isinstance(value, (int, float)) for value in numbers):
        raise ValueError('a metric that is no number')
    result['data'].get('name'), result['config'], result['seed'], result['params'] + 0
    return result


def _read_rows(path: Path, result: dict) -> list[Row]:
    rows = read_run(path.parent)[1]
    if not rows:
        raise ValueError('no slices')
    for line, row in enumerate(rows, start=2):
        if not row['case'] or not all(isinstance(row[key], int) for key in _COUNTS):
            raise ValueError(f'line {line} lacks a case or a count')
    own, told = aggregate(rows, protocols=['case'])['case/dsc'], result['metrics'].get('case/dsc')
    if told is not None and abs(own - told) > 0.01:
        raise ValueError(f'its DSC by case is {own:.2f}, but result.json says {told:.2f}')
    return rows


def _read_curve(path: Path) -> dict:
    curve = json.loads(path.read_text(encoding='utf-8'))
    for name in ('train', 'val'):
        if not all(isinstance(point, dict) for point in curve[name]):
            raise ValueError(f'{name} is no list of points')
    return curve


def _read_image(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert('RGB')
