"""A calibration from checkpoints: every patient by the net that has not seen it, in numbers."""

import json

import cv2
import numpy as np
import pytest
import torch
from helpers import load_tool, refusal
from mmengine.config import Config
from threshold_segmentor import GREY

from lsnet_mm.apis.confidence import EVIDENCE
from lsnet_mm.experiments.held_out import calibrate_folds, calibration_tables

#: Grey value and number of columns that are right, of each patient; a mask has 20 in two slices.
PATIENTS = {
    'p1': (230, 20), 'p2': (150, 4), 'p3': (240, 18), 'p4': (140, 6),
    'p5': (220, 16), 'p6': (160, 2), 'p7': (245, 20), 'p8': (170, 3),
}  # fmt: skip
FOLDS = [
    dict(train=['p5', 'p6', 'p7', 'p8'], val=['p1', 'p2', 'p3', 'p4']),
    dict(train=['p1', 'p2', 'p3', 'p4'], val=['p5', 'p6', 'p7', 'p8']),
]


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Two slices of each patient: a bright block, and a truth that is moved against it."""
    root = tmp_path_factory.mktemp('data')
    for kind in ('images', 'masks'):
        (root / 'train' / kind).mkdir(parents=True)
    for name, (grey, right) in PATIENTS.items():
        for k in (1, 2):
            image, truth = np.zeros((2, 32, 48), np.uint8)
            image[4:12, :20] = grey
            truth[4:12, 20 - right : 40 - right] = 1
            cv2.imwrite(str(root / 'train' / 'images' / f'{name}_{k}.png'), image)
            cv2.imwrite(str(root / 'train' / 'masks' / f'{name}_{k}.png'), truth)
    return root


@pytest.fixture
def write(data, tmp_path):
    """A checkpoint as a training of a fold leaves it; returns its path."""

    def checkpoint(name, fold, test=None, **more):
        pipeline = [
            dict(type='LoadImageFromFile'),
            dict(type='LoadCTMask'),
            dict(type='PackLSNetInputs'),
        ]
        dataset = dict(type='SliceFolderDataset', data_root='nowhere', pipeline=pipeline)
        dataset |= dict(folds=FOLDS)
        preprocessor = dict(type='SegDataPreProcessor', size_divisor=1)
        config = dict(
            default_scope='mmseg',
            custom_imports=dict(imports=['lsnet_mm.datasets']),
            model=dict(type='ThresholdSegmentor', data_preprocessor=preprocessor),
            train_dataloader=dict(dataset=dict(dataset, split='train', fold=fold)),
            test_dataloader=dict(
                dataset=dict(dataset, split='val', fold=fold if test is None else test)
            ),
        )
        for key, value in more.items():
            config[key] = value
        content = dict(
            meta=dict(
                cfg=Config({k: v for k, v in config.items() if v is not None}).pretty_text,
                dataset_meta=dict(classes=('background', 'pancreas')),
            ),
            state_dict=dict(threshold=torch.tensor(GREY)),
        )
        torch.save(content, tmp_path / f'{name}.pth')
        return str(tmp_path / f'{name}.pth')

    return checkpoint


def test_a_calibration_of_two_folds(write, data, tmp_path, capsys):
    paths = [write('a', 0), write('b', 1)]
    out = tmp_path / 'confidence.json'
    load_tool('calibrate').main([*paths, '-o', str(out), '--data-root', str(data), '--bad', '50'])
    found = json.loads(out.read_text())
    assert found['schema'] == 'lsnet_mm.confidence/1' and found['bad_dsc'] == 50
    assert [one['fold'] for one in found['data']] == [0, 1]
    assert len({one['sha256'] for one in found['data']}) == 2
    for one in found['patients']:
        grey, right = PATIENTS[one['case']]
        assert one['fold'] == int(one['case'] > 'p4') and one['slices'] == 2
        assert one['dsc'] == pytest.approx(100 * right / 20)
        expected = dict(box_score=1.0, probability=round(grey / 255, 4))
        assert one['features'] == pytest.approx(expected)
    # One of the two values is the same for all, so that no flag has more than half.
    assert found['flagged']['patients'] == 0 and found['unflagged']['bad'] == 4
    areas = {name: one['auc'] for name, one in found['features'].items()}
    assert areas == dict(probability=1.0, box_score=0.5)
    printed = capsys.readouterr().out
    assert printed == calibration_tables(found) + '\n'
    assert '| not flagged | 8 | 4 | 50.0 (' in printed and '| flagged | 0 | 0 | - | - |' in printed


def test_of_some_values_alone(write, data, tmp_path):
    tool, out = load_tool('calibrate'), tmp_path / 'out.json'
    assert tuple(tool.EVIDENCE) == tuple(EVIDENCE)
    paths = [write('a', 0), write('b', 1)]
    tool.main([*paths, '-o', str(out), '--data-root', str(data), '--only', 'probability'])
    found = json.loads(out.read_text())
    assert found['thresholds'].keys() == {'probability'}
    # By eye, of 140, 150, 160, 170 that are bad and 220, 230, 240, 245 that are not.
    assert found['thresholds']['probability'] == pytest.approx(195 / 255, abs=1e-4)
    assert (found['flagged']['patients'], found['flagged']['bad']) == (4, 4)
    assert (found['unflagged']['patients'], found['unflagged']['bad']) == (4, 0)


@pytest.mark.parametrize(
    'folds, message',
    [
        ([dict(fold=0), dict(fold=0)], '4 patients are tested by two checkpoints, as p1'),
        ([dict(fold=0, test=1)], 'trained on 4 of the patients that it is tested on, as p5'),
        ([dict(fold=0)], 'needs two folds or more'),
        ([dict(fold=0, train_dataloader=None)], 'does not say what it was trained on'),
        ([dict(fold=0), dict(fold=1, model=dict(type='Other'))], '1.pth is of another model than'),
    ],
)
def test_what_is_no_cross_validation(write, data, tmp_path, capsys, folds, message):
    paths = [write(str(k), **how) for k, how in enumerate(folds)]
    out = tmp_path / 'out.json'
    argv = [*paths, '-o', str(out), '--data-root', str(data)]
    assert message in refusal(capsys, load_tool('calibrate').main, argv)
    assert not out.exists()


def test_data_that_are_elsewhere_are_asked_for(write):
    with pytest.raises(FileNotFoundError, match='data_root nowhere does not exist'):
        calibrate_folds([write('a', 0), write('b', 1)])
