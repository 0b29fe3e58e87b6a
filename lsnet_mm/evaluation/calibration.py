"""When is a mask to be looked at again? Thresholds from patients whose truth is known, judged on
others."""

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
from scipy.stats import binomtest, bootstrap, mannwhitneyu

from ..utils.config import train_from_scratch
from .computation import config_sha256

SCHEMA = 'lsnet_mm.confidence/1'
#: What a checkpoint carries of a calibration.
KEPT = ('bad_dsc', 'slices', 'thresholds', 'flagged', 'unflagged', 'empty')
LEVEL = 0.95
#: A mask of a lower DSC is bad: it has more than four wrong pixels to three right ones.
BAD_DSC = 60.0

Features = Mapping[str, float]


def choose_threshold(values: np.ndarray, bad: np.ndarray) -> float:
    """Below which value most of the bad ones and fewest of the others are (Youden's index).

    Args:
        values: (n,), low where bad.
        bad: (n,) bool; some are, and some are not.

    Returns:
        float: Half way between two values; of several equally good ones their mean.
    """
    known = np.unique(values)
    between = (known[1:] + known[:-1]) / 2 if len(known) > 1 else known
    index = [(values[bad] < t).mean() - (values[~bad] < t).mean() for t in between]
    return float(between[np.isclose(index, max(index))].mean())


def low_values(features: Features, thresholds: Features) -> list[str]:
    """The names of features below their thresholds."""
    return [name for name, t in thresholds.items() if name in features and features[name] < t]


def is_flagged(features: Features, thresholds: Features) -> bool:
    """Whether more than half of the features that there are lie below their thresholds."""
    return 2 * len(low_values(features, thresholds)) > len(features.keys() & thresholds.keys())


def calibrate(patients: Sequence[Mapping], bad_dsc: float = BAD_DSC) -> dict:
    """Choose thresholds, and measure what they are worth on patients that had no part in them.

    For each fold they are chosen on all others and judged on its own patients. Those to be used,
    ``thresholds``, are then chosen on all patients. Not covered: which features there are was not
    chosen fold by fold.

    Args:
        patients: ``case``, ``fold``, ``dsc`` in percent and ``features`` of each; no features where
            the mask is empty, which are counted apart.
        bad_dsc: A lower DSC is bad.

    Returns:
        dict: ``bad_dsc``, ``slices`` (fewest and most of a patient), ``thresholds``, ``flagged``
        and ``unflagged`` (``patients``, ``bad``, its ``percent`` with a 95 % Wilson interval
        ``low`` to ``high``, mean ``dsc``), ``empty`` (their number, and how many are bad),
        ``features``: of each by itself how many it flags, how many of these are ``bad``, and its
        ``auc`` with ``low`` and ``high`` by
        bootstrap; ``folds`` (thresholds of each), ``patients`` with ``flagged``.

    Raises:
        ValueError: If there are fewer than two folds, or somewhere no bad or no good patient.
    """
    folds = sorted({one['fold'] for one in patients})
    seen = [one for one in patients if one['features']]
    if len(folds) < 2:
        raise ValueError(f'a calibration needs two folds or more, got {len(folds)}.')
    by_fold = {
        fold: _thresholds([one for one in seen if one['fold'] != fold], bad_dsc) for fold in folds
    }
    judged = [
        {**one, 'flagged': not one['features'] or is_flagged(one['features'], by_fold[one['fold']])}
        for one in patients
    ]
    flagged, unflagged = (
        [one for one in judged if one['features'] and one['flagged'] == flag]
        for flag in (True, False)
    )
    empty = [one['dsc'] < bad_dsc for one in patients if not one['features']]
    counts = [one['slices'] for one in seen if 'slices' in one]
    bad = np.array([one['dsc'] < bad_dsc for one in seen])
    return {
        'bad_dsc': bad_dsc,
        'slices': [min(counts), max(counts)] if counts else None,
        'thresholds': _thresholds(seen, bad_dsc),
        'flagged': _rate(flagged, bad_dsc),
        'unflagged': _rate(unflagged, bad_dsc),
        'empty': {'patients': len(empty), 'bad': sum(empty)},
        'features': {
            name: _alone(_column(seen, name), bad, [by_fold[one['fold']][name] for one in seen])
            for name in seen[0]['features']
        },
        'folds': [{'fold': fold, 'thresholds': by_fold[fold]} for fold in folds],
        'patients': judged,
    }


def read_calibration(path: str | Path, config: Mapping) -> dict:
    """What a checkpoint carries of a calibration, out of a file of ``tools/calibrate.py``.

    Args:
        path: The file.
        config: Of the model that is to carry it.

    Raises:
        ValueError: If the file is none of these, or of another model.
        OSError: If it cannot be read.
    """
    try:
        found = json.loads(Path(path).read_text(encoding='utf-8'))
        schema = found['schema']
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path} is no file of tools/calibrate.py. Name one.') from error
    if schema != SCHEMA:
        raise ValueError(f'{path} has the schema {schema}, and this version reads {SCHEMA}.')
    if found['model_sha256'] != model_sha256(config):
        raise ValueError(
            f'{path} was measured with another model than this config has. Calibrate on folds of '
            'this config.'
        )
    return {key: found[key] for key in KEPT}


def model_sha256(config: Mapping) -> str:
    """The hash of a config's model, whatever its data and schedule, and what it starts from."""
    model = deepcopy(dict(config['model']))
    train_from_scratch(model)
    # What a test does besides the masks.
    test = {k: v for k, v in (model.get('test_cfg') or {}).items() if k not in ('oracle', 'judge')}
    scope = config.get('default_scope')
    return config_sha256(dict(default_scope=scope, model=model | dict(test_cfg=test)))


def _thresholds(patients: Sequence[Mapping], bad_dsc: float) -> dict[str, float]:
    bad = np.array([one['dsc'] < bad_dsc for one in patients], bool)
    if bad.all() or not bad.any():
        raise ValueError(
            f'of {len(bad)} patients {bad.sum()} have a DSC below {bad_dsc:g}: no threshold can be '
            'chosen on them. Take another --bad, or more folds.'
        )
    names = patients[0]['features']
    return {name: round(choose_threshold(_column(patients, name), bad), 4) for name in names}


def _column(patients: Sequence[Mapping], name: str) -> np.ndarray:
    return np.array([one['features'][name] for one in patients])


def _rate(patients: Sequence[Mapping], bad_dsc: float) -> dict[str, float | None]:
    dsc = [one['dsc'] for one in patients]
    count, bad = len(dsc), sum(value < bad_dsc for value in dsc)
    if not count:
        return dict(patients=0, bad=0, percent=None, low=None, high=None, dsc=None)
    interval = binomtest(bad, count).proportion_ci(LEVEL, 'wilson')
    percent, low, high = (round(100 * v, 1) for v in (bad / count, interval.low, interval.high))
    mean = round(float(np.mean(dsc)), 1)
    return dict(patients=count, bad=bad, percent=percent, low=low, high=high, dsc=mean)


def _alone(values: np.ndarray, bad: np.ndarray, thresholds: Sequence[float]) -> dict[str, float]:
    """What a feature is worth by itself. The area under the ROC: how often a bad patient has a
    lower value than another one, ties half; both kinds are drawn again for the interval."""

    def auc(good, bad, axis=-1):
        return mannwhitneyu(good, bad, axis=axis).statistic / (good.shape[-1] * bad.shape[-1])

    groups = values[~bad], values[bad]
    options = dict(n_resamples=2000, confidence_level=LEVEL, method='percentile', rng=0)
    interval = bootstrap(groups, auc, **options).confidence_interval
    found = dict(auc=auc(*groups), low=interval.low, high=interval.high)
    flagged = values < thresholds
    counts = dict(flagged=int(flagged.sum()), bad=int((flagged & bad).sum()))
    return counts | {key: round(float(value), 3) for key, value in found.items()}
