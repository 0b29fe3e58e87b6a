"""The config in a checkpoint is data: nothing in it runs, whatever it says."""

import pytest
import torch
from mmengine.config import Config

from lsnet_mm.utils import UnsafeCheckpointError
from lsnet_mm.utils.checkpoint_config import (
    ConfigTextError,
    check_config,
    parse_config,
    read_checkpoint_config,
)


@pytest.mark.parametrize(
    'content, message',
    [
        (dict(state_dict={}), 'has no config in it'),
        ([1], 'has no config in it'),
        (dict(meta=dict(cfg="model = dict(type='os.system')")), "a.pth: .*type='os.system'"),
    ],
)
def test_what_has_no_config_or_a_bad_one(tmp_path, content, message):
    torch.save(content, tmp_path / 'a.pth')
    with pytest.raises(ConfigTextError, match=message):
        read_checkpoint_config(tmp_path / 'a.pth')


def test_a_missing_and_a_malicious_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='checkpoint not found'):
        read_checkpoint_config(tmp_path / 'none.pth')
    torch.save(dict(meta=dict(cfg=''), extra=print), tmp_path / 'a.pth')
    with pytest.raises(UnsafeCheckpointError):
        read_checkpoint_config(tmp_path / 'a.pth')


@pytest.mark.parametrize(
    'path',
    ['lsnet/lsnet_small_unet_slices_native_48e.py', 'c2f/c2f_r18_r34_unet_pancreas.py'],
)
def test_our_configs_come_back_as_they_were(path):
    cfg = Config.fromfile(f'configs/{path}')
    config = parse_config(cfg.pretty_text)
    check_config(config)
    assert config == cfg.to_dict()


def test_values_of_every_kind():
    values = dict(a=-1.5, b=(1, [2, {'x-y': None}]), c=True, d='text', e=1e-4, f=(), g={})
    assert parse_config(Config(values).pretty_text) == values


@pytest.mark.parametrize(
    'text',
    [
        "import os\nos.mkdir('marker')",
        "a = __import__('os').mkdir('marker')",
        "a = dict(b=open('marker', 'w'))",
        "a = [x for x in 'ab']",
        "a = f'{1}'",
        'a = b',
        'a.b = 1',
        'dict(a=1)',
        'a = dict(**{})',
        'a = {**{}}',
        'a = dict([], {})',
        'a = dict({}, {})',
        'a = dict({**{}})',
        "a = dict({'b': open('marker', 'w')})",
        'a = b = 1',
        'a += 1',
        'del a',
        'a = (',
    ],
)
def test_whatever_else_is_refused_and_not_run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigTextError, match='more than assign plain values'):
        parse_config(text)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'name', ['os.system', 'mmengine.load', 'mmcv.cut_video', 'mmseg.apis.init_model', 7, 'a b']
)
def test_a_type_is_a_registered_name(name):
    """mmengine would import and call any object that a dotted type names."""
    with pytest.raises(ConfigTextError, match='no name in a registry'):
        check_config(dict(model=dict(parts=[dict(type=name)])))
    check_config(dict(model=dict(type='LSNet', head=dict(type='mmdet.CenterNetHead'))))


def test_custom_imports_are_a_dict():
    with pytest.raises(ConfigTextError, match='should be a dict'):
        check_config(dict(custom_imports=['this']))
