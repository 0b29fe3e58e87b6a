"""Configs out of checkpoints are data: nothing in them runs, whatever they say."""

import pytest
from mmengine.config import Config

from lsnet_mm.export import ExportError
from lsnet_mm.export.config_text import check_config, parse_config


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
        'a = dict([], {})',
    ],
)
def test_whatever_else_is_refused_and_not_run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExportError, match='more than assign|no plain value'):
        parse_config(text)
    assert not list(tmp_path.iterdir())


def test_what_is_no_python():
    with pytest.raises(ExportError, match='no Python'):
        parse_config('a = (')


@pytest.mark.parametrize(
    'name', ['os.system', 'mmengine.load', 'mmcv.cut_video', 'mmseg.apis.init_model', 7, 'a b']
)
def test_a_type_is_a_registered_name(name):
    """mmengine would import and call any object that a dotted type names."""
    with pytest.raises(ExportError, match='no name in a registry'):
        check_config(dict(model=dict(parts=[dict(type=name)])))
    check_config(dict(model=dict(type='LSNet', head=dict(type='mmdet.CenterNetHead'))))


def test_imports_are_those_of_openmmlab_and_ours_unless_trusted():
    config = dict(custom_imports=dict(imports=['lsnet_mm.models', 'my_project.models']))
    with pytest.raises(ExportError, match="imports 'my_project.models'.*trusted_imports"):
        check_config(config)
    check_config(config, trusted_imports=('lsnet_mm', 'my_project'))
    with pytest.raises(ExportError, match='should be a dict'):
        check_config(dict(custom_imports=['this']))
