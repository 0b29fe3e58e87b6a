"""The weights that come along: safe, small, fed as they were trained, and what their cards say."""

import hashlib
import json

import numpy as np
import pytest
import torch
from helpers import ROOT
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from PIL import Image

from lsnet_mm.apis import LSNetInferencer, find_weights, load_model, read_card
from lsnet_mm.apis.command import main
from lsnet_mm.apis.weights import DEFAULT, FOLDER
from lsnet_mm.experiments.phantom import downloaded_case
from lsnet_mm.registry import DATASETS
from lsnet_mm.utils.checkpoint_config import read_checkpoint_config
from lsnet_mm.volumes import Volume

NAMES = sorted(path.stem for path in FOLDER.glob('*.pth'))
CONFIGS = {path.stem: path for path in ROOT.glob('configs/*/*.py')}


@pytest.fixture(scope='module')
def inferencer():
    return LSNetInferencer(device='cpu', show_progress=False)


@pytest.fixture(scope='module')
def volume():
    """A phantom whose HU go beyond the window of training on both sides, to the right and back."""
    voxels = np.asarray(downloaded_case(3, 1, (160, 160, 8))[0])
    assert voxels.min() < -500 and voxels.max() > 255
    return Volume(voxels, np.diag([1.5, -1.5, -4.0, 1.0]))


def test_a_file_of_the_same_name_does_not_take_their_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT).write_bytes(b'anything')
    own = tmp_path / 'own.pth'
    own.write_bytes(b'anything')
    assert find_weights() == FOLDER / f'{DEFAULT}.pth' and find_weights(own) == own
    with pytest.raises(FileNotFoundError, match='has no card'):
        read_card(str(own))


def test_some_come_along():
    assert DEFAULT in NAMES and {'c2f_small_unet_slices', 'unet_small_slices'} <= set(NAMES)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 15e6
    with pytest.raises(FileNotFoundError, match=f'not found: nothing; nor .*along.*{DEFAULT}'):
        find_weights('nothing')


@pytest.mark.parametrize('name', NAMES)
def test_of_each_file(name):
    path, card = find_weights(name), read_card(name)
    assert path.stat().st_size <= 5e6
    content = torch.load(path, weights_only=True)  # by torch's own reader, with no allowlist
    kinds = {value.dtype for value in content['state_dict'].values() if value.ndim > 1}
    assert kinds == {torch.half}
    file = dict(bytes=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert card['file'] == file and card['name'] == name
    assert 'Not a medical device' in card['notice'] and 'Not a medical device' in card['summary']
    assert '10.7937/K9/TCIA.2016.tNB1kqBU' in card['data']['citation']
    # The config in it is the one in the repository, as far as a test reads it.
    inside, outside = read_checkpoint_config(path), Config.fromfile(CONFIGS[name])
    assert inside.model == outside.model
    assert inside.test_dataloader.dataset.pipeline == outside.test_dataloader.dataset.pipeline


def test_without_arguments_it_is_the_same_as_by_name(inferencer, volume):
    named = LSNetInferencer(CONFIGS[DEFAULT], find_weights(), 'cpu', show_progress=False)
    other = LSNetInferencer(weights='unet_small_slices', device='cpu', show_progress=False)
    assert type(other.model).__name__ == 'EncoderDecoder'
    ours, theirs = (one(volume, tidy_up=named.tidy_up) for one in (inferencer, named))
    np.testing.assert_array_equal(ours['predictions'][0]['mask'], theirs['predictions'][0]['mask'])
    assert inferencer.tidy_up.largest_component and named.tidy_up.largest_component
    assert load_model(None, find_weights(), 'cpu').dataset_meta['classes'][1:] == ('pancreas',)
    with pytest.raises(ValueError, match='a model needs its weights'):
        LSNetInferencer(CONFIGS[DEFAULT])


def test_a_scan_reaches_the_net_as_training_pictures_did(inferencer, volume, tmp_path):
    """Pictures as those of training, made by plain numpy: HU 0 to 255 in grey, spine on top."""
    for kind in ('images', 'masks'):
        (tmp_path / 'val' / kind).mkdir(parents=True)
    for k in range(volume.voxels.shape[2]):
        hu = volume.voxels[::-1, ::-1, k].T  # to the left, and to the front
        grey = np.clip(hu, 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(tmp_path / f'val/images/a_{k}.png')
        Image.fromarray(np.zeros_like(grey)).save(tmp_path / f'val/masks/a_{k}.png')
    config = read_checkpoint_config(find_weights())
    config.test_dataloader.dataset.update(data_root=str(tmp_path), split='val')
    dataset = DATASETS.build(config.test_dataloader.dataset)
    samples = inferencer.model.test_step(pseudo_collate([dataset[k] for k in range(len(dataset))]))
    mask = inferencer.predictor(volume).mask.voxels
    assert mask.any()
    for k, sample in enumerate(samples):
        expected = sample.pred_sem_seg.data[0].numpy()
        np.testing.assert_array_equal(mask[::-1, ::-1, k].T, expected)


def test_other_weights_by_name(study, tmp_path, capsys):
    [study] = study.glob('manifest*')
    to = ['-o', str(tmp_path / 'out'), '--device', 'cpu']
    assert main([str(study), *to, '-w', 'unet_small_slices']) == 0
    record = json.loads((tmp_path / 'out' / 'study_001.json').read_text())
    assert record['model']['name'] == 'unet_small_slices' and record['confidence'] is None
    assert record['model']['comes_along'] == read_card('unet_small_slices')['summary']
    assert record['tidy_up']['largest_component'] is True
    assert main([str(study), *to, '-w', 'nothing']) == 2
    assert 'checkpoint not found: nothing;' in capsys.readouterr().err


def test_one_command_without_a_model(study, tmp_path, capsys):
    [study] = study.glob('manifest*')
    assert main([str(study), '-o', str(tmp_path / 'out'), '--device', 'cpu']) == 0
    printed = capsys.readouterr().out
    assert DEFAULT in printed and 'Not a medical device' in printed
    record = json.loads((tmp_path / 'out' / 'study_001.json').read_text())
    assert record['model']['name'] == DEFAULT
    assert record['model']['checkpoint_sha256'] == read_card()['file']['sha256']
    assert record['tidy_up']['largest_component'] is True
    # It can be had without, and that is another output.
    again = [str(study), '-o', str(tmp_path / 'whole'), '--device', 'cpu']
    assert main([*again, '--no-largest-component']) == 0
    record = json.loads((tmp_path / 'whole' / 'study_001.json').read_text())
    assert record['tidy_up']['largest_component'] is False
