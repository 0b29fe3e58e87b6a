"""What the command says to a study that is unlike what its model was trained on."""

import json
import shutil

import numpy as np
import pydicom
import pytest
import torch
from mmengine.registry import init_default_scope
from PIL import Image

from lsnet_mm.apis import LSNetInferencer
from lsnet_mm.apis.cautions import UNKNOWN, list_cautions
from lsnet_mm.datasets import PancreasCTDataset, SliceFolderDataset
from lsnet_mm.datasets.training_card import training_card
from lsnet_mm.experiments.phantom import make_case, write_prepared
from lsnet_mm.volumes import Volume

SHAPE, WINDOW = (80, 80, 12), (-100.0, 240.0)
HU = [dict(type='LoadCTSlice'), dict(type='LoadCTMask'), dict(type='HUWindow', window=WINDOW)]
GREY = [dict(type='LoadImageFromFile', color_type='grayscale'), dict(type='LoadCTMask')]
X, Y = np.mgrid[-199:200:2, -199:200:2]  # mm, a field of view of 400


@pytest.fixture(scope='module')
def patients(tmp_path_factory):
    """The card of a training on volumes that do not say that they are phantoms."""
    init_default_scope('mmseg')
    root = write_prepared(tmp_path_factory.mktemp('data') / 'set', 6, SHAPE, 4)
    path = root / 'dataset.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | dict(name='a', synthetic=False)))
    return training_card([PancreasCTDataset(str(root), 'all', pipeline=HU)])


@pytest.fixture(scope='module')
def pictures_of_patients(tmp_path_factory):
    """The card of a training on 8-bit slices, whose window is 0 to 255 HU, of unknown spacing."""
    init_default_scope('mmseg')
    root = tmp_path_factory.mktemp('data')
    for case in range(1, 5):
        volume, label, _ = make_case(4, case, (96, 96, 8))
        for k in range(8):
            for kind, array in (('images', volume), ('masks', label)):
                path = root / 'train' / kind / f'P_{case}_{k}.png'
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array[..., k].T.clip(0, 255).astype(np.uint8)).save(path)
    facts = dict(window=(0, 255))
    return training_card([SliceFolderDataset(str(root), pipeline=GREY, facts=facts)])


@pytest.fixture(params=['volumes', 'pictures'])
def card(request, patients, pictures_of_patients):
    return patients if request.param == 'volumes' else pictures_of_patients


def volume(voxels, spacing=(2, 2, 5)):
    return Volume(voxels.astype(np.int16), np.diag([-spacing[0], *spacing[1:], 1.0]))


def phantom(case, count=16):
    """An abdomen as the training's, which does not say that it is a phantom."""
    voxels, _, spacing = make_case(9, case, (96, 96, count))
    return volume(voxels, spacing)


def ellipse(half_x, half_y, x=0, y=0):
    return ((X - x) / half_x) ** 2 + ((Y - y) / half_y) ** 2 < 1


def slices(*parts, count=12):
    """A volume of equal slices but for the noise: parts are (mask, HU), in the order of paint."""
    one = np.full(X.shape, -1000.0)
    for mask, hu in parts:
        one[mask] = hu
    return one[..., None] + np.random.default_rng(0).normal(0, 10, (*X.shape, count))


CHEST = slices(
    (ellipse(170, 115), -100), (ellipse(155, 105), 55), (ellipse(60, 80, -75), -850),
    (ellipse(60, 80, 75), -850), (ellipse(16, 20, 0, -70), 300), (ellipse(35, 35, 10, 30), 110),
)  # fmt: skip
HEAD = slices(
    (ellipse(80, 100), 30), (ellipse(76, 96), 900), (ellipse(67, 87), 36), (ellipse(10, 20), 8)
)
LEGS = slices(*((ellipse(*size, x), hu) for x in (-90, 90) for size, hu in (
    ((75, 80), -100), ((65, 70), 60), ((14, 14), 900), ((8, 8), -50)
)))  # fmt: skip
TABLE = slices(((np.abs(Y + 120) < 4) & (np.abs(X) < 150), 200))


def body(voxels, card, spacing=(2, 2, 5)):
    """What is said of the part of the body."""
    found = list_cautions(card, card['window'], volume(voxels, spacing))
    return [one for one in found if 'part of the body' in one]


def of_training(*args):
    """Cautions but those of phantoms' large pixels where the training knew of none."""
    return [one for one in list_cautions(*args) if 'in scans of a body' not in one]


@pytest.mark.parametrize('case', range(1, 9))
def test_an_ordinary_abdomen_is_silent(card, case):
    assert of_training(card, card['window'], phantom(case)) == []
    assert of_training(card, card['window'], phantom(case, 8)) == []


@pytest.mark.parametrize(
    'voxels, reason',
    [(CHEST, 'much air'), (HEAD, 'much bone'), (LEGS, 'two parts'), (TABLE, 'no body')],
)
def test_another_part_of_the_body(card, voxels, reason):
    [said] = body(voxels, card)
    assert reason in said and '12 of 12 slices' in said
    assert len(body(voxels[..., :1], card)) == 1  # a single slice, too


def test_a_scan_from_the_chest_to_the_pelvis_is_silent(card):
    """A third of it lungs, legs at the end, and odd slices between."""
    abdomen = make_case(9, 2, (200, 200, 24))[0]
    whole = np.concatenate([LEGS[..., :2], abdomen[..., :12], TABLE[..., :1], abdomen[..., 12:],
                            CHEST], axis=2)  # fmt: skip
    assert body(whole, card) == []
    assert body(np.concatenate([CHEST, CHEST, CHEST, abdomen[..., :12]], axis=2), card)


def test_another_window(card):
    low, high = card['window']
    [said] = of_training(card, (-1000, 400), phantom(1))
    expected = f'trained with a window of {low:g} to {high:g} HU, and is given -1000 to 400 HU'
    assert expected in said
    assert of_training(card, (low - 5, high + 5), phantom(1)) == []


@pytest.mark.parametrize(
    'factor, words',
    [
        ((1, 1, 5), ['its slices lie']),
        ((0.3, 0.3, 1), ['its pixels are', 'its field of view is', 'part of the body']),
        ((3, 3, 1), ['its pixels are', 'its field of view is', 'part of the body']),
    ],
)
def test_sizes_far_outside(patients, factor, words):
    one = phantom(1)
    far = volume(one.voxels, np.array(one.spacing) * factor)
    found = list_cautions(patients, WINDOW, far)
    assert len(found) == len(words) and all(w in f for w, f in zip(words, found, strict=True))
    least, *_, most = patients['spacing']['slices']
    if factor[2] > 1:
        assert (
            f'{far.spacing[2]:.3g} mm apart, and in the training {least:g} to {most:g} mm'
            in (found[0])
        )


def test_sizes_that_the_training_did_not_know(pictures_of_patients):
    """Those that no scan of a body has are told all the same."""
    one = phantom(1)
    fine = one.voxels.repeat(5, 0).repeat(5, 1)
    spacing = np.array(one.spacing) / (5, 5, 1)
    assert list_cautions(pictures_of_patients, (0, 255), volume(fine, spacing)) == []
    far = volume(one.voxels, np.array(one.spacing) * 3)
    said = list_cautions(pictures_of_patients, (0, 255), far)
    assert len(said) == 3 and all('in scans of a body' in sentence for sentence in said)
    assert list_cautions(None, WINDOW, far) == []


def trained(model, folder, card):
    """A copy of a model whose checkpoint has a card."""
    folder.mkdir()
    config, checkpoint = (shutil.copy(path, folder) for path in model)
    content = torch.load(checkpoint, weights_only=False)
    content = content if 'state_dict' in content else dict(state_dict=content)
    content['meta'] = {**content.get('meta', {}), 'trained_on': card}
    torch.save(content, checkpoint)
    return config, checkpoint


@pytest.fixture
def series(study):
    """The folder of the series, without its label file."""
    return next(study.rglob('*.dcm')).parent


def dicom(study, change):
    """Every slice of a series, changed by a function."""
    for path in study.rglob('*.dcm'):
        slice_ = pydicom.dcmread(path)
        change(slice_)
        slice_.save_as(path)
    return study


def test_a_model_of_phantoms_says_so_to_patients_alone(segment, model, series, tmp_path, patients):
    ours = trained(model, tmp_path / 'ours', patients | dict(synthetic=True))
    code, _, errors, out = segment(series, model=ours)
    assert code == 0 and 'synthetic' not in errors
    dicom(series, lambda slice_: setattr(slice_, 'Manufacturer', 'SIEMENS'))
    code, _, errors, out = segment(series, model=ours, options=['--overwrite'])
    said = 'the model was trained on synthetic phantoms, not on patients'
    assert code == 0 and f'(argument 1, series 1 of 1 (10 files)): {said}' in errors
    assert said in json.loads((out / 'study_002.json').read_text())['cautions']
    inferencer = LSNetInferencer(*ours, device='cpu', show_progress=False)
    assert inferencer.model.trained_on == patients | dict(synthetic=True)
    assert said in inferencer(series)['predictions'][0]['cautions']


def test_a_model_of_patients_says_so_to_phantoms(segment, model, series, tmp_path, patients):
    ours = trained(model, tmp_path / 'ours', patients)
    said = 'this is a synthetic phantom, and the model was trained on patients'
    assert said in segment(series, model=ours)[2]
    dicom(series, lambda slice_: setattr(slice_, 'Manufacturer', 'SIEMENS'))
    assert 'synthetic' not in segment(series, model=ours, options=['--overwrite'])[2]


def test_a_checkpoint_that_does_not_tell_is_a_note(segment, series):
    code, printed, errors, out = segment(series)
    assert code == 0 and f'note: {UNKNOWN}' in printed and 'caution' not in errors
    assert json.loads((out / 'study_001.json').read_text())['cautions'] == []


def localizer(slice_):
    slice_.ImageType = ['ORIGINAL', 'PRIMARY', 'LOCALIZER']


def pet(slice_):
    slice_.Modality, slice_.SOPClassUID = 'PT', '1.2.840.10008.5.1.4.1.1.128'


def picture(slice_):
    grey = slice_.pixel_array.clip(0, 255).astype(np.uint8)
    slice_.BitsAllocated = slice_.BitsStored = 8
    slice_.HighBit, slice_.PixelRepresentation = 7, 0
    slice_.PixelData = grey.tobytes()
    slice_['PixelData'].VR = 'OB'


@pytest.mark.parametrize(
    'change, says',
    [
        (localizer, 'it is a localizer, no CT slice. Choose a CT series'),
        (pet, 'it is a PT file, no CT slice. Choose a CT series'),
        (picture, 'its voxels have 8 bits, too few for HU'),
    ],
)
def test_what_is_no_ct_volume_is_refused(segment, series, change, says):
    code, printed, errors, _ = segment(dicom(series, change))
    assert code == 2 and says in errors and 'caution' not in errors
