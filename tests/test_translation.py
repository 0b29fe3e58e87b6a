"""Configs and inference checkpoints of earlier versions, with refinement rounds in a wrapper."""

from pathlib import Path

import pytest
import torch
from exporting import build, lsnet_config
from mmengine.config import Config

from lsnet_mm.apis.load_model import read_model_config
from lsnet_mm.export import inference_checkpoint
from lsnet_mm.utils.config import translate
from lsnet_mm.utils.settings import read_config

PHANTOM = Path(__file__).parents[1] / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'
PREPROCESSOR = dict(type='SegDataPreProcessor', mean=[0.0], std=[1.0])


def wrapped(**wrapper):
    """A config as it was: the rounds around the model."""
    config = lsnet_config()
    rounds = {key: config.model.test_cfg.pop(key) for key in ('rounds', 'agreement')}
    config.model = dict(type='MultiRound', model=config.model) | rounds | wrapper
    return config


def test_rounds_become_a_setting():
    config = wrapped()
    translate(config)
    assert config.model == lsnet_config().model
    translate(config)
    assert config.model == lsnet_config().model


def test_defaults_and_a_preprocessor_of_the_wrapper():
    config = wrapped(data_preprocessor=PREPROCESSOR)
    del config.model.rounds, config.model.agreement
    translate(config)
    assert config.model.test_cfg == dict(rounds=1, agreement=0.95)
    assert config.model.data_preprocessor == PREPROCESSOR


@pytest.mark.parametrize('name', ['MultiRound', 'mmseg.MultiRound'])
def test_a_config_object_of_before_builds(name):
    config = wrapped(type=name)
    assert read_model_config(config).model == lsnet_config().model


OLD_CHILD = (
    "_base_ = '{}'\nmodel = dict(model=dict(gamma=0.5, test_cfg=dict(oracle=False)), rounds=3)"
)


def test_a_child_of_a_config_that_had_the_wrapper(tmp_path):
    path = tmp_path / 'child.py'
    path.write_text(OLD_CHILD.format(PHANTOM))
    config = read_config(path)
    assert (config.model.gamma, config.model.type) == (0.5, 'LSNet')
    assert config.model.test_cfg == dict(oracle=False, rounds=3, agreement=0.95)


def test_options_with_the_paths_of_before():
    config = read_config(PHANTOM, {'model.model.gamma': 0.5, 'model.rounds': 3})
    expected = read_config(PHANTOM, {'model.gamma': 0.5, 'model.test_cfg.rounds': 3})
    assert config.to_dict() == expected.to_dict()


def test_other_configs_stay_as_they_are():
    config = lsnet_config()
    translate(config)
    assert config.to_dict() == lsnet_config().to_dict()


def test_channels_of_a_grey_slice():
    config = lsnet_config()
    expected = config.to_dict()
    config.test_dataloader.dataset.pipeline[0].channels = 3
    translate(config)
    assert config.to_dict() == expected


def test_a_config_file(tmp_path):
    wrapped().dump(tmp_path / 'old.py')
    assert read_config(tmp_path / 'old.py').model == lsnet_config().model


def test_an_inference_checkpoint(tmp_path):
    """The wrapper saved its weights under the model's own names."""
    model = build(lsnet_config())
    text = Config(dict(custom_imports=dict(imports='lsnet_mm.models'), model=wrapped().model))
    meta = dict(cfg=text.pretty_text, lsnet_mm_version='0.1.0')
    content = dict(meta=meta, state_dict=model.state_dict())
    torch.save(content, tmp_path / 'old.pth')
    config = inference_checkpoint.read_config(tmp_path / 'old.pth')
    expected = lsnet_config().model
    expected.roi_extractor.reference_width = None
    assert config.model == expected
    again = build(config)
    again.load_state_dict(content['state_dict'])
    assert again.test_cfg['rounds'] == 3


@pytest.mark.parametrize('version, width', [(None, None), ('0.1.0', None), ('0.2.0', 'absent')])
def test_margins_of_before_are_in_pixels_of_the_image(tmp_path, version, width):
    text = Config(dict(model=lsnet_config().model)).pretty_text
    meta = dict(cfg=text) | (dict(lsnet_mm_version=version) if version else {})
    torch.save(dict(meta=meta, state_dict={}), tmp_path / 'a.pth')
    extractor = inference_checkpoint.read_config(tmp_path / 'a.pth').model.roi_extractor
    assert extractor.get('reference_width', 'absent') == width
