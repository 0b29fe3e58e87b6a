"""How far a study is to be trusted: features by plain numpy, and what is said of them where."""

import json

import nibabel as nib
import numpy as np
import pytest
import torch
from helpers import lsnet
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample
from threshold_segmentor import GREY, HIGH, LOW, expected_mask

from lsnet_mm.apis import (
    LSNetInferencer,
    TidyUp,
    VolumePrediction,
    VolumePredictor,
    load_model,
)
from lsnet_mm.apis.confidence import EVIDENCE, judge, measured, slice_evidence, study_features
from lsnet_mm.volumes import Volume

CALIBRATION = dict(
    bad_dsc=60.0,
    thresholds=dict(box_score=0.9, agreement=0.85, probability=0.8),
    flagged=dict(patients=15, bad=9),
    unflagged=dict(patients=34, bad=1),
)
SENTENCE = (
    'Of 15 held-out patients flagged for low values 9 had a DSC below 60, of the 34 others 1.'
)
AFFINE = np.diag([-1.0, 1, -2, 1])  # LAI, 2 cubic millimetres a voxel
CLASSES = ('background', 'pancreas')


@pytest.fixture
def calibrated(model, tmp_path):
    """The model with a calibration that any mask passes."""
    config, checkpoint = model
    content = torch.load(checkpoint, weights_only=True)
    loose = dict(box_score=0.5, probability=0.5)
    content['meta']['confidence'] = CALIBRATION | dict(thresholds=loose)
    torch.save(content, tmp_path / 'calibrated.pth')
    return config, tmp_path / 'calibrated.pth'


def scan(*objects):
    """A volume (40, 32, 10) in HU with bright boxes."""
    hu = np.full((40, 32, 10), -90, np.int16)
    for x, y, z in objects:
        hu[slice(*x), slice(*y), slice(*z)] = 200
    return Volume(hu, AFFINE)


def prediction(mask, **evidence):
    """Of a mask (slices, rows, columns), each slice with the same evidence."""
    mask = Volume(np.ascontiguousarray(np.uint8(mask).T), AFFINE)
    slices = [dict(evidence) if one.any() else {} for one in mask.voxels.T]
    return VolumePrediction(mask, [], [], evidence=slices)


def judged(mask, parts=None, trained_on=None, **evidence):
    parts = {1: np.array([1.0])} if parts is None else {1: np.array(parts)}
    found = prediction(mask, **evidence)
    return judge(found, parts, CLASSES, CALIBRATION, trained_on)


def test_what_a_slice_says_of_itself():
    mask = torch.zeros(1, 4, 4, dtype=torch.long)
    mask[0, 1, 1:3] = torch.tensor([1, 2])
    probability = torch.rand(1, 4, 4)
    sample = SegDataSample(pred_sem_seg=PixelData(data=mask))
    assert slice_evidence(sample) == {}  # it gives nothing, but a mask
    logits = torch.randn(3, 4, 4)
    sample.seg_logits = PixelData(data=logits)  # as of one stage
    e = np.exp(logits.numpy())
    expected = (1 - e[0] / e.sum(0))[1, 1:3].mean()
    assert slice_evidence(sample) == {'probability': pytest.approx(expected, abs=1e-6)}
    sample.pred_probability = PixelData(data=probability)
    sample.pred_instances = InstanceData(bboxes=torch.zeros(2, 4), scores=torch.tensor([0.3, 0.7]))
    sample.set_metainfo(dict(agreement=0.25))
    assert slice_evidence(sample) == {
        'box_score': pytest.approx(0.7),
        'agreement': 0.25,
        'probability': pytest.approx(float(probability[0, 1, 1:3].numpy().mean())),
    }
    sample.pred_sem_seg.data = mask * 0
    assert slice_evidence(sample) == {}


def test_features_are_means_over_the_pixels_of_the_mask():
    slices = [dict(probability=0.5, agreement=0.2), {}, dict(probability=0.9), dict(probability=0)]
    found = study_features(slices, [10, 0, 30, 0])  # the last was tidied away
    assert found == dict(agreement=0.2, probability=pytest.approx((5 + 27) / 40))
    assert study_features(slices, [0, 0, 0, 0]) == {}


def test_a_flag_and_its_reasons():
    mask = np.zeros((10, 6, 8))
    mask[[2, 3, 6], :3] = 1
    good = judged(mask, [0.1, 0.9], box_score=0.95, agreement=0.8, probability=0.9)
    assert not good['flagged'] and good['reasons'] == []
    assert good['calibration'] == measured(CALIBRATION) == SENTENCE
    assert good['features'] == dict(
        box_score=0.95,
        agreement=0.8,
        probability=0.9,
        holes=0.4,  # of slices 2 to 6
        parts=dict(pancreas=2),
        largest_part=dict(pancreas=0.9),
    )
    bad = judged(mask, box_score=0.95, agreement=0.8, probability=0.7)
    assert bad['flagged'] and bad['calibration'] == SENTENCE
    assert bad['reasons'] == [
        'The agreement of its mask with one round more is 0.80, below 0.85.',
        'The probability of its pixels is 0.70, below 0.80.',
    ]
    # Slices that do not follow each other have no parts in 3D, and no holes.
    apart = prediction(mask, probability=0.9)
    assert judge(apart, None, CLASSES, CALIBRATION)['features'] == dict(probability=0.9)
    # Of a model without boxes one value speaks for itself.
    assert judged(mask, probability=0.7)['flagged'] and not judged(mask, probability=0.9)['flagged']


def test_an_organ_that_was_not_found():
    found = judged(np.zeros((10, 6, 8)), [], box_score=0.95)
    assert found == dict(
        flagged=True,
        reasons=['No pancreas was found.'],
        calibration=None,  # no such patient was among those of the calibration
        features={},
    )
    mask = np.zeros((10, 6, 8))
    mask[4, 2, 2] = 1
    found = prediction(mask, probability=0.9)
    found = judge(found, {1: np.ones(1)}, (*CLASSES, 'liver'), CALIBRATION)
    assert found['reasons'] == ['No liver was found.'] and found['flagged']


@pytest.mark.parametrize(
    'known, parts, reason',
    [
        (dict(volume_ml=[0.01, 0.1, 0.2, 0.3, 0.4]), [1.0], None),
        (
            dict(volume_ml=[0.1, 0.1, 0.2, 0.3, 0.4]),
            [1.0],
            '0.096 ml, in training 0.1 ml to 0.4 ml',
        ),
        (dict(volume_ml=[0.01, 0.01, 0.02, 0.03, 0.04]), [1.0], 'in training 0.01 ml to 0.04 ml'),
        (dict(volume_ml=None, share=[0.0, 0.2, 0.3, 0.6, 1.0]), [1.0], None),
        (
            dict(volume_ml=None, share=[0.0, 0.6, 0.7, 0.8, 1.0]),
            [1.0],
            '50.00% of the pixels of its ',
        ),
        (dict(volume_ml=None, share=None), [1.0], None),
        ({}, [0.3, 0.4, 0.3], 'in 3 parts, the largest of 40% of the volume'),
        ({}, [0.5, 0.5], None),
    ],
)
def test_rules_that_were_not_measured_say_so(known, parts, reason):
    mask = np.zeros((10, 6, 8))
    mask[1:3, :3] = 1  # 48 voxels: 0.096 ml, half of each of two slices
    trained_on = dict(classes=dict(pancreas=known))
    found = judged(mask, parts, trained_on, probability=0.9)
    assert found['flagged'] == bool(reason)
    if reason:
        [said] = found['reasons']
        assert reason in said and said.endswith('(a rule, not measured).')


def test_a_whole_study(calibrated):
    inferencer = LSNetInferencer(*calibrated, device='cpu', show_progress=False)
    volume = scan(((2, 12), (2, 12), (2, 8)), ((20, 25), (20, 25), (1, 3)))
    hu = np.where(expected_mask(volume.voxels), volume.voxels, 0)
    grey = (200 - LOW) * 255 / (HIGH - LOW)
    assert grey > GREY and hu.any()
    [found] = inferencer(volume, tidy_up=TidyUp(largest_component=True))['predictions']
    one = found['confidence']
    assert one['features'] == dict(
        box_score=1.0,
        probability=pytest.approx(grey / 255, abs=1e-4),
        holes=0.0,  # what is left: slices 2 to 7
        parts=dict(pancreas=2),  # as the net gave them
        largest_part=dict(pancreas=pytest.approx(600 / 650, abs=1e-4)),
    )
    assert not one['flagged'] and one['calibration'] == SENTENCE
    json.dumps(one)  # plain values
    [nothing] = inferencer(scan())['predictions']
    assert nothing['confidence']['reasons'] == ['No pancreas was found.']


def test_only_agreement_costs_a_crop():
    for names, judges in (((), False), (('box_score', 'probability'), False), (EVIDENCE, True)):
        model = lsnet().eval()
        VolumePredictor(model, None, evidence=names)
        assert model.test_cfg['judge'] == judges, names


def test_without_a_calibration_nothing_is_said(model, segment, tmp_path):
    assert load_model(*model, 'cpu').confidence is None
    [found] = LSNetInferencer(*model, device='cpu', show_progress=False)(scan())['predictions']
    assert found['confidence'] is None
    nib.save(nib.Nifti1Image(scan().voxels, AFFINE), tmp_path / '1.nii')
    code, _, errors, out = segment(tmp_path / '1.nii')
    assert code == 0 and 'look at it' not in errors
    assert json.loads((out / '1.json').read_text())['confidence'] is None


@pytest.mark.parametrize('empty', [True, False])
def test_the_command_says_which_to_look_at(calibrated, segment, tmp_path, empty):
    volume = scan() if empty else scan(((2, 12), (2, 12), (2, 8)))
    nib.save(nib.Nifti1Image(volume.voxels, AFFINE), tmp_path / '1.nii')
    code, _, errors, out = segment(tmp_path / '1.nii', model=calibrated)
    assert code == 0
    said = json.loads((out / '1.json').read_text())['confidence']
    assert said['flagged'] == empty
    lines = [line for line in errors.splitlines() if line.startswith('look at it: 1 (')]
    assert len(lines) == empty and all(line.endswith('No pancreas was found.') for line in lines)
