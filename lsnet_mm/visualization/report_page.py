"""An evaluation as a page: tables that sort, plots, and the slices behind the numbers."""

import base64
from collections.abc import Sequence
from pathlib import Path

from ..evaluation.functional import Row
from ..evaluation.results import TRAIN_SPLIT, finite
from .page import encode_image, fill_template
from .plots import plot_area, plot_bars
from .report_run import ReportRun

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
    paths = sorted(path.parent for path in folder.rglob('result.json'))
    # The scores of the training slices belong to the run around them.
    paths = [path for path in paths if path.name != TRAIN_SPLIT]
    if not paths:
        raise ValueError(f'no result.json below {folder}; tools/test.py writes one')
    groups: dict[str, list[ReportRun]] = {}
    for run in (ReportRun.read(path, folder) for path in paths):
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
