"""What the masks of a cross-validation say of themselves, each of a patient that its net has not
seen, and what that is worth."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS

from ..apis.confidence import EVIDENCE, slice_evidence, study_features
from ..apis.model import load_model
from ..evaluation import TwoStageSegMetric
from ..evaluation.calibration import BAD_DSC, SCHEMA, calibrate, model_sha256
from ..evaluation.functional import aggregate
from ..models.segmentors.two_stage import TwoStageSegmentor
from ..utils.checkpoint_config import read_checkpoint_config
from ..utils.machine import environment
from .reproduction.report import markdown_table


def calibrate_folds(
    checkpoints: Sequence[str | Path],
    bad_dsc: float = BAD_DSC,
    data_root: str | Path | None = None,
    device: str = 'cpu',
    names: Collection[str] = tuple(EVIDENCE),
) -> dict:
    """Predict every fold by its own net, and calibrate a flag on all.

    Args:
        checkpoints: Of training, one for each fold; their configs say what they are tested on.
        bad_dsc: See :func:`~lsnet_mm.evaluation.calibration.calibrate`.
        data_root: Where the data are, if not where the training found them.
        device: Of the nets.
        names: What to ask slices of their masks, out of :data:`~lsnet_mm.apis.confidence.EVIDENCE`.

    Returns:
        dict: As ``calibrate`` gives it, with ``schema``, ``model_sha256``, ``data`` and ``env``.

    Raises:
        ValueError: If a net has seen a patient that it is tested on, a patient is tested twice, the
            nets are not of one config, or there are too few patients of a kind.
    """
    configs = {path: read_checkpoint_config(path) for path in checkpoints}
    hashes = {path: model_sha256(config) for path, config in configs.items()}
    sha256, patients, data = hashes[checkpoints[0]], [], []
    if others := [path for path in checkpoints if hashes[path] != sha256]:
        raise ValueError(f'{others[0]} is of another model than {checkpoints[0]}: give one config.')
    for fold, path in enumerate(checkpoints):
        found, about = _held_out(path, configs[path], data_root, device)
        for case, one in found.items():
            asked = {name: value for name, value in one['features'].items() if name in names}
            patients.append({'case': case, 'fold': fold, **one, 'features': asked})
        data.append(about)
    cases = [one['case'] for one in patients]
    if twice := sorted({case for case in cases if cases.count(case) > 1}):
        raise ValueError(
            f'{len(twice)} patients are tested by two checkpoints, as {twice[0]}: give one of each '
            'fold, and each once.'
        )
    about = dict(schema=SCHEMA, model_sha256=sha256, data=data)
    return about | calibrate(patients, bad_dsc) | dict(env=environment(device))


def _held_out(
    path: str | Path, config: Config, data_root: str | Path | None, device: str
) -> tuple[dict, dict]:
    """Patients of a checkpoint's test split by case, and what the data are."""
    if not config.get('train_dataloader'):
        raise ValueError(
            f'{path} does not say what it was trained on, so nobody knows which patients are new '
            'to it: give the checkpoint of the training, not an export of it.'
        )
    model = load_model(config, path, device)
    for part in ('train', 'test'):
        if data_root:
            config[f'{part}_dataloader'].dataset.data_root = str(data_root)
    train, test = (DATASETS.build(config[f'{p}_dataloader'].dataset) for p in ('train', 'test'))
    if seen := _cases(train) & _cases(test):
        raise ValueError(
            f'{path} was trained on {len(seen)} of the patients that it is tested on, as '
            f'{min(seen)}: give the checkpoint of a fold.'
        )
    about = {key: getattr(test, key, None) for key in ('name', 'split', 'fold')}
    about['sha256'] = test.sha256() if hasattr(test, 'sha256') else None
    return _predict(model, test), about


def _cases(dataset: object) -> set[str]:
    return {str(dataset.get_data_info(k)['case']) for k in range(len(dataset))}


@torch.inference_mode()
def _predict(model: torch.nn.Module, dataset: object) -> dict[str, dict]:
    """By case, number of ``slices``, ``dsc`` by the protocol ``case``, and ``features``."""
    if isinstance(model, TwoStageSegmentor):
        model.test_cfg |= dict(judge=True, oracle=False)
    metric, said = TwoStageSegMetric(), defaultdict(list)
    metric.dataset_meta = dataset.metainfo
    for k in range(len(dataset)):
        [sample] = model.test_step(pseudo_collate([dataset[k]]))
        pixels = int((sample.pred_sem_seg.data > 0).sum())
        said[str(sample.case)].append((slice_evidence(sample), pixels))
        metric.process(None, [sample.to_dict()])
    metric.compute_metrics(metric.results)
    rows = defaultdict(list)
    for row in metric.rows:
        rows[row['case']].append(row)
    return {
        case: dict(
            slices=len(said[case]),
            dsc=round(aggregate(own, protocols=['case'])['case/dsc'], 2),
            features=study_features(*zip(*said[case], strict=True)),
        )
        for case, own in rows.items()
    }


def calibration_tables(result: dict) -> str:
    """What :func:`calibrate_folds` gives as two tables in Markdown."""
    bad = f'DSC below {result["bad_dsc"]:g}'
    lines = [['', 'patients', bad, 'percent (95 % interval)', 'mean DSC']]
    for name, key in (('flagged', 'flagged'), ('not flagged', 'unflagged')):
        one = result[key]
        rate = f'{one["percent"]} ({one["low"]} to {one["high"]})' if one['patients'] else '-'
        lines.append([name, str(one['patients']), str(one['bad']), rate, str(one['dsc'] or '-')])
    names = [['', 'low is below', 'area under the ROC', 'alone it flags', f'of these {bad}']]
    for name, one in result['features'].items():
        area = f'{one["auc"]:.2f} ({one["low"]:.2f} to {one["high"]:.2f})'
        limit, counts = f'{result["thresholds"][name]:.2f}', (str(one['flagged']), str(one['bad']))
        names.append([EVIDENCE[name], limit, area, *counts])
    return '\n\n'.join(map(markdown_table, (lines, names)))
