"""PNG and JPG slices through the command and the inferencer: a mask each, and pixels as areas."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from threshold_segmentor import write_model

from lsnet_mm.apis import LSNetInferencer, TidyUp
from lsnet_mm.experiments.phantom import downloaded_case

SHAPE = (40, 32, 10)
HU = downloaded_case(0, 1, SHAPE)[0]
#: As the net sees HU; 8 bits, rows and columns.
GREYS = np.rint((HU.clip(-100, 240).astype(float).T + 100) * 0.75).astype(np.uint8)
WINDOW = ['--window', '-100', '240', '--spine', 'top']


@pytest.fixture
def slices(tmp_path):
    """Folder of three slices of one case and a slice of another."""
    folder = tmp_path / 'JANE'
    folder.mkdir()
    for number in (3, 4, 12):
        Image.fromarray(GREYS[number % 10]).save(folder / f'doe_{number}.png')
    Image.fromarray(GREYS[5]).save(folder / 'scan.png')
    return folder


def expected(k):
    return (GREYS[k] > 127.5).astype(np.uint8)


def read(path):
    with Image.open(path) as image:
        assert image.mode == 'L' and image.format == 'PNG'
        return np.asarray(image)


def test_a_mask_for_each_slice(slices, segment):
    options = [*WINDOW, '--probabilities', '--preview', '--names', slices.parent / 'names.csv']
    code, printed, errors, out = segment(slices, options=options)
    assert code == 0, errors
    numbers = {'study_001': ('_12', '_3', '_4'), 'study_002': ('',)}
    kinds = ('_mask{}.png', '_probability{}.png')
    names = [f'{name}{kind.format(n)}' for name in numbers for kind in kinds for n in numbers[name]]
    names += [f'{name}{end}' for name in numbers for end in ('.png', '.json')]
    assert sorted(path.name for path in out.glob('[!.]*')) == sorted(names)
    for number, k in (('_3', 3), ('_4', 4), ('_12', 2)):
        np.testing.assert_array_equal(read(out / f'study_001_mask{number}.png'), expected(k))
        probability = read(out / f'study_001_probability{number}.png')
        np.testing.assert_allclose(probability, GREYS[k], atol=1)
    np.testing.assert_array_equal(read(out / 'study_002_mask.png'), expected(5))
    record = json.loads((out / 'study_001.json').read_text())
    areas = [int(expected(k).sum()) for k in (3, 4, 2)]
    about = record['classes']['pancreas']
    assert about['areas_px'] == areas and about['volume_ml'] is None
    assert record['picture'] == {'window_hu': [-100, 240], 'spine': 'top'}
    assert record['spacing_mm'] is None and record['orientation'] is None
    assert record['cautions'] == record['notes'] == []
    assert f'pancreas {sum(areas)} pixels' in printed
    lines = (slices.parent / 'names.csv').read_text().splitlines()
    assert lines[1:] == [
        f'{study},{slices / name},'
        for study, name in (
            ('study_001', 'doe_3.png'), ('study_001', 'doe_4.png'), ('study_001', 'doe_12.png'),
            ('study_002', 'scan.png'),
        )
    ]  # fmt: skip
    text = printed + errors + str([path.read_bytes() for path in out.glob('*.json')])
    assert 'doe_' not in text and 'JANE' not in text and 'scan.png' not in text
    code, printed, _, _ = segment(slices, options=options)
    assert code == 0 and printed.count('skipped') == 2
    code, _, errors, _ = segment(slices, options=[*options[:2], '239', *options[3:]])
    assert code == 2 and errors.count('is not what this command would write') == 2


def test_a_case_that_has_lost_a_slice(slices, segment):
    """Its mask goes, or it would pass for one of the case as it is."""
    _, _, _, out = segment(slices, options=WINDOW)
    (slices / 'doe_4.png').unlink()
    code, _, errors, _ = segment(slices, options=WINDOW)
    assert code == 1 and 'is not what this command would write' in errors
    code, _, errors, _ = segment(slices, options=[*WINDOW, '--overwrite'])
    assert code == 0, errors
    masks = [path.name for path in out.glob('study_001_*')]
    assert sorted(masks) == ['study_001_mask_12.png', 'study_001_mask_3.png']


def test_what_is_taken_for_granted_is_said(slices, segment):
    """Where the spine is, and what a narrow window has cut off."""
    code, _, errors, out = segment(slices / 'scan.png', options=['--window', '0', '200'])
    assert code == 0, errors
    assert 'it is taken to have the spine at the top; else say --spine bottom' in errors
    assert 'shows 0 to 200 HU, and the net sees -100 to 240 HU: what lies outside is' in errors
    hu = GREYS[5] * (200 / 255)
    np.testing.assert_array_equal(read(out / 'study_001_mask.png'), hu > 70)


@pytest.mark.parametrize('options, message', [
    ([], 'nothing says which HU its grey values are. Say it: --window LOW HIGH'),
    ([*WINDOW, '--min-volume', '1'], 'it has no millilitres. Leave out --min-volume'),
    ([*WINDOW, '--dicom-seg'], 'says nothing of the DICOM files that it was made from. Leave out'),
])  # fmt: skip
def test_what_pictures_cannot_have(slices, segment, options, message):
    code, _, errors, out = segment(slices, options=options)
    assert code == 2 and errors.count(message) == 2
    assert not [*out.glob('[!.]*')]


def test_a_window_must_rise(slices, segment):
    with pytest.raises(SystemExit):
        segment(slices, options=['--window', '255', '0'])


def test_the_layout_of_training(slices, segment, tmp_path):
    """Its masks are no slices; and beside a CT series pictures are none."""
    split = tmp_path / 'val'
    (split / 'masks').mkdir(parents=True)
    slices.rename(split / 'images')
    Image.fromarray(expected(3)).save(split / 'masks' / 'doe_3.png')
    code, printed, errors, out = segment(split, options=WINDOW)
    assert code == 0, errors
    assert 'argument 1: 1 x mask of training left out' in printed and '2 of 2 studies' in printed


def test_beside_a_series(study, segment):
    Image.fromarray(GREYS[0]).save(next(study.rglob('*.dcm')).with_name('thumbnail.png'))
    code, printed, errors, out = segment(next(study.rglob('*.dcm')).parent, options=WINDOW)
    assert code == 0, errors
    for option in ('--window', '--spine'):
        assert f'{option} is of PNG and JPG slices, and there are none' in printed
    assert 'note: argument 1: 1 x picture left out' in printed
    assert json.loads((out / 'study_001.json').read_text())['beside'] == {'picture': 1}


@pytest.mark.parametrize('stated', [True, False])
def test_a_model_of_pictures_sees_them_as_in_its_test(slices, segment, tmp_path, stated):
    """Whether its checkpoint states their window, or the command does: greys stay as they are."""
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackLSNetInputs')]
    config, checkpoint = write_model(tmp_path / 'eight', pipeline=pipeline)
    if stated:
        content = torch.load(checkpoint, weights_only=True)
        card = dict(window=[-100, 240], synthetic=None, spacing=None, field_of_view=None)
        content['meta']['trained_on'] = card | dict(look=dict(body=None))
        torch.save(content, checkpoint)
    options = WINDOW[3:] if stated else WINDOW
    code, _, errors, out = segment(slices, options=options, model=(config, checkpoint))
    assert code == 0 and 'caution' not in errors, errors
    for number, k in (('_3', 3), ('_4', 4), ('_12', 2)):
        np.testing.assert_array_equal(read(out / f'study_001_mask{number}.png'), expected(k))


def test_a_window_of_pictures_is_that_of_their_model(slices, tmp_path):
    """Where nothing else is known: greys stay as they are, whatever they are."""
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackLSNetInputs')]
    eight_bits = write_model(tmp_path / 'eight', pipeline=pipeline)
    options = dict(device='cpu', show_progress=False, picture_window=(-160, 300), spine='top')
    [found] = LSNetInferencer(*eight_bits, **options)(str(slices / 'scan.png'))['predictions']
    np.testing.assert_array_equal(found['mask'][..., 0].T, expected(5))
    assert found['cautions'] == []


def test_the_inferencer(model, slices):
    path = slices / 'scan.png'
    window = dict(picture_window=(-100, 240))
    inferencer = LSNetInferencer(*model, device='cpu', show_progress=False, **window)
    with pytest.warns(UserWarning, match='is taken to have the spine at the top'):
        [found] = inferencer(str(path), probability=True)['predictions']
    np.testing.assert_array_equal(found['mask'][..., 0].T, expected(5))
    assert found['areas_px'] == {'pancreas': [int(expected(5).sum())]}
    assert found['affine'] is None and 'volume_ml' not in found
    bottom = LSNetInferencer(*model, device='cpu', show_progress=False, spine='bottom', **window)
    [turned] = bottom(path, return_vis=True)['predictions']
    np.testing.assert_array_equal(turned['mask'], found['mask'])
    assert turned['boxes'] == found['boxes']


def test_each_picture_is_tidied_by_itself(model, slices):
    inferencer = LSNetInferencer(
        *model, device='cpu', show_progress=False, picture_window=(-100, 240), spine='top'
    )
    from lsnet_mm.volumes import group_pictures, read_pictures

    case, _ = group_pictures(slices.iterdir())
    volume = read_pictures(case, (-100, 240), 'top')
    [tidied] = inferencer(volume, tidy_up=TidyUp(largest_component=True))['predictions']
    from scipy import ndimage

    for k, number in enumerate((3, 4, 2)):
        parts, _ = ndimage.label(expected(number), np.ones((3, 3)))
        largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
        np.testing.assert_array_equal(tidied['mask'][..., k].T, largest)
