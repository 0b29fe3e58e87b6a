"""Cards of the weights that come along: what a file is, what its recipe scored, where it fails."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..apis.weights import find_weights
from ..evaluation.functional import all_scores
from ..evaluation.results import read_run
from ..utils import safe_torch_load
from ..version import __version__

FOLDS = 4
#: What the collection asks everybody to say who uses it.
DATA = {
    'collection': 'Pancreas-CT (NIH), The Cancer Imaging Archive',
    'licence': 'CC BY 3.0',
    'citation': 'Roth H., Farag A., Turkbey E. B., Lu L., Liu J., Summers R. M. (2016). Data From '
    'Pancreas-CT. The Cancer Imaging Archive. doi:10.7937/K9/TCIA.2016.tNB1kqBU',
    'what': '405 axial slices with pancreas of 49 patients, as lossy 8-bit pictures; portal-venous '
    'phase, patients without a lesion of the pancreas',
    'window_hu': [0, 255],
    'turned': 'spine at the top, patient right on the left: volumes are turned so by themselves',
}
LIMITS = [
    'It has never seen a slice without pancreas: by itself it puts foreground on about every '
    'second one (scores, slices without pancreas). Of a volume the largest part in 3D is kept.',
    'One slice in twenty that shows the organ gets no overlap at all; small cross-sections most.',
    'Lesions, resections, stents, other contrast phases, children: none in training.',
    'It was trained on single slices of 49 patients of one hospital, at 160x160 pixels.',
    'No volume was scored as a whole: there was none to test on.',
]
NOTICE = 'Not a medical device. For research alone; whoever uses a mask answers for it.'
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
ALL = "train_dataloader.dataset.split=['train','val']"
NO_VALIDATION = 'val_dataloader=None val_cfg=None val_evaluator=None'


def make_card(name: str, config: str, results: Path) -> dict:
    """The card of a model, every figure of it from a file.

    Args:
        name: Of its weights, and of its recipe's runs.
        config: Its config, below ``configs/``.
        results: Where the runs lie: those of the recipe in four folds, and one of these weights on
            slices of another hospital.

    Raises:
        FileNotFoundError: If weights or runs are missing.
    """
    path = find_weights(name)
    data = path.read_bytes()
    meta = safe_torch_load(path)['meta']
    folds = [read_run(results / 'slices' / name / f'fold{k}_seed0') for k in range(FOLDS)]
    other = read_run(results / 'curvas' / name / 'all_seed0')
    train = f'tools/train.py {config} --seed 0 --cfg-options {ALL} {NO_VALIDATION}'
    epoch = f'work_dirs/{name}/epoch_{meta["epoch"]}.pth'
    return {
        'name': name,
        'version': __version__,
        'summary': f'trained on {DATA["what"]}. {NOTICE}',
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
            f'python {train}',
            f'python tools/export.py {config} {epoch} -o OUT --half',
        ],
        'scores': {
            'the recipe in four folds': _scores(folds),
            'these weights, another hospital': _scores([other]),
        },
        'limits': LIMITS,
        'licence': 'Apache-2.0 for the files; the data that they were trained on: CC BY 3.0',
        'notice': NOTICE,
    }


def write_card(name: str, config: str, results: Path) -> Path:
    """Write a card beside its weights."""
    text = json.dumps(make_card(name, config, results), indent=2) + '\n'
    path = find_weights(name).with_suffix('.json')
    path.write_text(text, encoding='utf-8')
    return path


def _scores(runs: list[tuple[dict, list]]) -> dict:
    """Of all slices of some runs together, each of a patient that its net had not seen."""
    rows = [row for _, slices in runs for row in slices]
    found = all_scores(rows, ('slice_fg', 'case'))
    counts = {'patients': len({row['case'] for row in rows}), 'slices': len(rows)}
    scores = {label: round(found[key], 1) for label, key in SCORES.items() if key in found}
    return counts | {'without pancreas': sum(not row['area'] for row in rows)} | scores
