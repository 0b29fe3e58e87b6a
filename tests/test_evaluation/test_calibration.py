"""Thresholds learnt on some patients and judged on others; the committed calibration, again."""

import csv
import json
from collections import defaultdict

import numpy as np
import pytest
from helpers import ROOT

from lsnet_mm.evaluation.calibration import (
    KEPT,
    calibrate,
    choose_threshold,
    is_flagged,
    low_values,
    model_sha256,
    read_calibration,
)
from lsnet_mm.utils import read_config

FOLDER = ROOT / 'results' / 'slices' / 'lsnet_small_unet_slices_mask'
CONFIG = ROOT / 'configs' / 'lsnet' / 'lsnet_small_unet_slices_mask.py'


def patient(fold, dsc, **features):
    return dict(case=f'{fold} {dsc}', fold=fold, dsc=dsc, features=features)


def toy():
    """Bad ones are low in all folds, but in the last the whole scale lies lower."""
    values = {0: (0.2, 0.3, 0.8, 0.9), 1: (0.25, 0.33, 0.85, 0.7), 2: (0.1, 0.15, 0.4, 0.95)}
    return [
        patient(fold, dsc, probability=value)
        for fold, of in values.items()
        for dsc, value in zip((20, 40, 70, 90), of, strict=True)
    ]


def test_the_threshold_parts_bad_from_good():
    values, bad = np.array([0.1, 0.4, 0.6, 0.9]), np.array([True, True, False, False])
    assert choose_threshold(values, bad) == 0.5
    assert choose_threshold(np.array([0.1, 0.5, 0.3, 0.9]), bad) == pytest.approx(0.45)  # two equal


def test_a_flag_is_more_than_half_of_what_there_is():
    limits = dict(a=0.5, b=0.5, c=0.5)
    for features, flagged in [
        (dict(a=0.4, b=0.6, c=0.6), False),
        (dict(a=0.4, b=0.4, c=0.6), True),
        (dict(a=0.4, b=0.6), False),
        (dict(c=0.4), True),  # as of a model without boxes
        (dict(c=0.5), False),
        ({}, False),
    ]:
        assert is_flagged(features, limits) == flagged, features
    assert low_values(dict(b=0.1, c=0.9, other=0.0), limits) == ['b']


def test_each_fold_is_judged_by_the_thresholds_of_the_others():
    found = calibrate([*toy(), patient(0, 0)])  # and one with an empty mask
    limits = [fold['thresholds']['probability'] for fold in found['folds']]
    # Without fold 0: bad ones up to 0.33, good ones from 0.4; without fold 2 these begin at 0.7,
    # which flags the good one of 0.4 there.
    assert limits == pytest.approx([0.365, 0.35, 0.515])
    assert found['thresholds']['probability'] == pytest.approx(0.365)
    assert found['empty'] == dict(patients=1, bad=1)
    assert (found['flagged']['patients'], found['flagged']['bad']) == (7, 6)
    assert (found['unflagged']['patients'], found['unflagged']['bad']) == (5, 0)
    wrong = [one['case'] for one in found['patients'] if one['flagged'] and one['dsc'] >= 60]
    assert wrong == ['2 70']
    assert found['flagged']['dsc'] == pytest.approx((3 * 60 + 70) / 7, abs=0.05)
    # Wilson's interval, written out.
    n, p, z = 7, 6 / 7, 1.959964
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    ends = [100 * (middle - half), 100 * (middle + half)]
    assert [found['flagged'][key] for key in ('low', 'high')] == pytest.approx(ends, abs=0.06)
    # By the sorted scale of all, though fold by fold a threshold flags one too many.
    alone = dict(flagged=7, bad=6, auc=1.0, low=1.0, high=1.0)
    assert found['features'] == dict(probability=alone)
    bad = calibrate(toy(), 30)  # another view of what is bad has other thresholds
    assert bad['thresholds']['probability'] < 0.3


@pytest.mark.parametrize(
    'patients, bad, message',
    [
        (toy()[:4], 60, 'needs two folds or more, got 1'),
        (toy(), 10, 'of 8 patients 0 have a DSC below 10.*Take another --bad'),
        (toy(), 95, 'of 8 patients 8 have'),
    ],
)
def test_what_cannot_be_calibrated(patients, bad, message):
    with pytest.raises(ValueError, match=message):
        calibrate(patients, bad)


def test_the_committed_figures_follow_from_the_committed_slices():
    """DSC of every patient from the counts of the folds' own tests, and all else from that."""
    kept = json.loads((FOLDER / 'confidence.json').read_text())
    counts = defaultdict(lambda: np.zeros(3))
    for file in FOLDER.glob('fold*_seed0/slices.csv'):
        for row in csv.DictReader(file.open()):
            counts[row['case']] += [int(row[key]) for key in ('tp', 'fp', 'fn')]
    assert len(kept['patients']) == len(counts) == 49
    for one in kept['patients']:
        tp, fp, fn = counts[one['case']]
        assert one['dsc'] == pytest.approx(200 * tp / (2 * tp + fp + fn), abs=0.1)
    patients = [{k: v for k, v in one.items() if k != 'flagged'} for one in kept['patients']]
    again = calibrate(patients, kept['bad_dsc'])
    assert {key: kept[key] for key in again} == again
    # Counted by hand, every pair of a bad patient and another one.
    pairs = [
        (bad['features'], good['features'])
        for bad in patients
        for good in patients
        if bad['dsc'] < kept['bad_dsc'] <= good['dsc']
    ]
    for name, one in kept['features'].items():
        wins = np.mean([(b[name] < g[name]) + (b[name] == g[name]) / 2 for b, g in pairs])
        assert one['auc'] == pytest.approx(wins, abs=1e-3)
        assert one['low'] < one['auc'] < one['high']


def test_it_is_of_one_model(tmp_path):
    path, config = FOLDER / 'confidence.json', read_config(CONFIG)
    found = read_calibration(path, config)
    assert tuple(found) == KEPT and len(found['thresholds']) == 3
    # What a test does beside the masks, and what training starts from, make no other model.
    options = {'model.test_cfg.oracle': False, 'model.localizer.backbone.init_cfg': None}
    assert model_sha256(read_config(CONFIG, options)) == model_sha256(config)
    other = read_config(CONFIG, {'model.test_cfg.rounds': 3})
    with pytest.raises(ValueError, match=r'confidence.json was measured with another model'):
        read_calibration(path, other)
    for text, message in [
        ('{', r'a.json is no file of tools/calibrate.py'),
        ('[1]', r'a.json is no file of tools/calibrate.py'),
        ('{"schema": "lsnet_mm.confidence/9"}', 'has the schema lsnet_mm.confidence/9'),
    ]:
        (tmp_path / 'a.json').write_text(text)
        with pytest.raises(ValueError, match=message):
            read_calibration(tmp_path / 'a.json', config)
