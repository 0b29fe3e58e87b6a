"""A run folder as a report needs it: read, checked, and reduced to what a page shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..evaluation.functional import Row, aggregate, box_scores
from ..evaluation.results import SCHEMA, read_run

_RESULT_FIX = 'write it again with tools/test.py, or move the folder out of the results'
_FILE_FIX = 'write it again with tools/test.py, or remove it'
_COUNTS = ('slice', 'area', 'tp', 'fp', 'fn')


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
