"""The course of training, out of the scalars that mmengine logs."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

#: What mmengine logs beside metrics.
_CLOCKS = frozenset({'step', 'epoch', 'iter', 'lr', 'base_lr', 'time', 'data_time', 'memory'})


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
    lines = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    groups = defaultdict(list)
    val = {}
    for line in lines:
        losses = {k: v for k, v in line.items() if 'loss' in k}
        if losses:
            name = 'epoch' if 'epoch' in line else 'iter'
            groups[name, line.get(name, line['step'])].append(losses)
        else:
            metrics = {k: v for k, v in line.items() if k not in _CLOCKS}
            if metrics:
                val[line['step']] = {'step': line['step'], **metrics}
    train = {
        step: {name: step, **{k: _mean(rows, k) for k in _keys(rows)}}
        for (name, step), rows in groups.items()
    }
    return train, val


def _mean(rows: list[dict], key: str) -> float:
    return float(np.mean([row[key] for row in rows if key in row]))


def _keys(rows: list[dict]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))
