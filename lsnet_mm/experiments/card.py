"""Cards of the weights that come along: what a file is, what its recipe scored, where it fails."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..apis.weights import find_weights
from ..evaluation.functional import all_scores
from ..evaluation.results import read_run
from ..utils import safe_torch_load
from ..utils.files import write_atomic
from ..version import __version__
from .reproduction.run import ROOT, find_config

FOLDS = 4
WHAT = '405 axial slices with pancreas of 49 patients of Pancreas-CT'
#: What the collection asks everybody to say who uses it.
DATA = {
    'collection': 'Pancreas-CT (NIH), The Cancer Imaging Archive',
    'licence': 'CC BY 3.0',
    'citation': 'Roth H., Farag A., Turkbey E. B., Lu L., Liu J., Summers R. M. (2016). Data From '
    'Pancreas-CT. The Cancer Imaging Archive. doi:10.7937/K9/TCIA.2016.tNB1kqBU',
    'what': f'{WHAT}, as lossy 8-bit pictures; portal-venous phase, patients without a lesion of '
    'the pancreas',
    'window_hu': [0, 255],
    'turned': 'spine at the top, patient right on the left: volumes are turned so by themselves',
}
LIMITS = [
    'It has never seen a slice without pancreas, and puts foreground on many of them (see the '
    'scores). Of a volume the largest part in 3D is kept for that.',
    'Small cross-sections are missed most (see slices with DSC 0).',
    'Lesions, resections, stents, other contrast phases, children: none in training.',
    'It was trained on single slices of 49 patients of one hospital, at 160x160 pixels.',
    'No volume was scored as a whole: there was none to test on.',
]
NOTICE = 'Not a medical device. For research alone; whoever uses a mask answers for it.'
#: What was scored, and on what.
KINDS = ('the recipe in four folds', 'these weights, another hospital')
SCORED_ON = (
    'the same 405 slices, each by a net that had not seen its patient',
    'CURVAS challenge 2024 (University Hospital Erlangen, CC BY-NC); scored once, nothing chosen '
    'on it',
)
#: Scores that a card has, by what they are called there.
SCORES = {
    'slice DSC': 'slice_fg/dsc',
    'slice precision': 'slice_fg/precision',
    'slice recall': 'slice_fg/recall',
    'DSC by case': 'case/dsc',
    'slices with DSC 0, percent': 'slice_fg/failed',
    'slice DSC in true boxes': 'oracle/slice_fg/dsc',
    'box mIoU': 'box/miou',
    'slices without pancreas that get foreground, percent': 'slice_empty/found',
}
#: Of the table in documents: the scores that are in it.
COLUMNS = {
    'folds: DSC': (KINDS[0], 'slice DSC'),
    'by case': (KINDS[0], 'DSC by case'),
    'true boxes': (KINDS[0], 'slice DSC in true boxes'),
    'CURVAS: DSC': (KINDS[1], 'slice DSC'),
    'empty': (KINDS[1], 'slices without pancreas that get foreground, percent'),
}
ALL = """train_dataloader.dataset.split="['train','val']\""""
NO_VALIDATION = 'val_dataloader=None val_cfg=None val_evaluator=None'


def make_card(name: str, results: Path) -> dict:
    """The card of a model, every figure of it from a file.

    Args:
        name: Of its weights, which is that of its config and of its recipe's runs.
        results: Where the runs lie: those of the recipe in four folds, and one of these weights on
            slices of another hospital.

    Raises:
        FileNotFoundError: If weights or runs are missing.
    """
    path, config = find_weights(name), find_config(name).relative_to(ROOT)
    data = path.read_bytes()
    meta = safe_torch_load(path)['meta']
    folds = [read_run(results / 'slices' / name / f'fold{k}_seed0') for k in range(FOLDS)]
    other = read_run(results / 'weights' / name / 'all_seed0')
    run, calibration = f'work_dirs/weights/{name}', f'results/slices/{name}/confidence.json'
    last = f'epoch_{meta["epoch"]}.pth'
    how = f'--half --confidence {calibration}' if meta.get('confidence') else '--half'
    return {
        'name': name,
        'version': __version__,
        'summary': f'trained on {WHAT} (CC BY 3.0; docs/models.md). {NOTICE}',
        'task': 'pancreas in axial CT, contrast-enhanced',
        'file': {'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()},
        'net': {
            'params': folds[0][0]['params'],
            'gflops': folds[0][0]['gflops'],
            'weights': 'kernels in half precision, computed with in float32',
        },
        'data': DATA,
        'trained_on': meta.get('trained_on'),
        'made_by': [
            f'python tools/train.py {config} --work-dir {run} --seed 0 --cfg-options {ALL} '
            f'{NO_VALIDATION}',
            f'python tools/export.py {config} {run}/{last} -o {run}/export {how}',
        ],
        'scores': {
            kind: {'on': on} | _scores(runs)
            for kind, on, runs in zip(KINDS, SCORED_ON, (folds, [other]), strict=True)
        },
        'confidence': {key: confidence[key] for key in ('bad_dsc', 'flagged', 'unflagged')}
        if (confidence := meta.get('confidence'))
        else None,
        'limits': LIMITS,
        'licence': 'Apache-2.0 for the files; the data that they were trained on: CC BY 3.0',
        'notice': NOTICE,
    }


def write_card(name: str, results: Path) -> Path:
    """Write a card beside its weights."""
    text = json.dumps(make_card(name, results), indent=2) + '\n'
    return write_atomic(find_weights(name).with_suffix('.json'), text.encode())


def _scores(runs: list[tuple[dict, list]]) -> dict:
    """Of all slices of some runs together, each of a patient that its net had not seen."""
    rows = [row for _, slices in runs for row in slices]
    found = all_scores(rows, ('slice_fg', 'case'))
    counts = {'patients': len({row['case'] for row in rows}), 'slices': len(rows)}
    scores = {label: round(found[key], 1) for label, key in SCORES.items() if key in found}
    return counts | {'without pancreas': sum(not row['area'] for row in rows)} | scores


def card_table(cards: Sequence[Mapping]) -> str:
    """Cards side by side, as a table in Markdown."""
    header = ['model', *COLUMNS, 'params (M)', 'MB']
    lines = [header, ['---'] + ['---:'] * (len(header) - 1)]
    for card in cards:
        scores = [card['scores'][kind].get(key, '-') for kind, key in COLUMNS.values()]
        size = [f'{card["net"]["params"] / 1e6:.2f}', f'{card["file"]["bytes"] / 1e6:.1f}']
        lines.append([f'`{card["name"]}`', *map(str, scores), *size])
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in lines)
