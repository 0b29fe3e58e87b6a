"""Inference checkpoints: small, without secrets, and the same predictions bit for bit.

Their configs are data: nothing in them runs, whatever they say.
"""

import pytest
import torch
from exporting import lsnet_config, predict, segmentor
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmseg.apis import init_model

from lsnet_mm.apis import WrongCheckpointError
from lsnet_mm.export import ExportError
from lsnet_mm.export.command import export
from lsnet_mm.export.inference_checkpoint import (
    check_config,
    inference_config,
    parse_config,
    read_checkpoint_config,
)
from lsnet_mm.utils import UnsafeCheckpointError


def test_it_predicts_the_same_bit_for_bit(trained):
    path = str(trained.folder / 'model.pth')
    config = read_checkpoint_config(path)
    ours, theirs = (
        predict(m, trained.config, trained.slices)
        for m in (trained.model, init_model(config, path, device='cpu'))
    )
    assert any(len(s.pred_instances) for s in ours) and any(s.pred_sem_seg.data.any() for s in ours)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a.pred_sem_seg.data, b.pred_sem_seg.data)
        assert torch.equal(a.pred_heatmap.data, b.pred_heatmap.data)
        assert torch.equal(a.pred_instances.bboxes, b.pred_instances.bboxes)


def test_what_is_in_it(trained):
    path = trained.folder / 'model.pth'
    checkpoint = torch.load(path, weights_only=True)  # with no allowlist at all
    assert checkpoint.keys() == {'meta', 'state_dict'}
    meta = checkpoint['meta']
    assert meta['dataset_meta']['classes'] == ('background', 'pancreas') and meta['epoch'] == 3
    assert set(meta) == {'cfg', 'dataset_meta', 'epoch', 'lsnet_mm_version', 'mmengine_version'}
    for word in ('home', 'secret', 'optim'):
        assert word not in str(meta) and word.encode() not in path.read_bytes()
    assert path.stat().st_size < 0.5 * trained.checkpoint.stat().st_size
    load_checkpoint(trained.model, str(path), strict=True)


def test_the_config_of_either_checkpoint_can_be_read(trained):
    config = read_checkpoint_config(trained.folder / 'model.pth')
    whole = read_checkpoint_config(trained.checkpoint)
    assert whole.to_dict() == trained.config.to_dict()
    assert 'optim_wrapper' not in config and 'work_dir' not in config
    assert config.test_dataloader.dataset.data_root == ''
    assert config.model.localizer_size == (64, 64)
    assert Config.fromstring(config.pretty_text, '.py').model == config.model


def test_pretrained_weights_are_not_asked_for_again():
    config = lsnet_config()
    weights = dict(type='Pretrained', checkpoint='torchvision://resnet18')
    config.model.localizer.backbone.init_cfg = weights
    assert inference_config(config).model.localizer.backbone.init_cfg is None


def test_own_packages_are_the_readers_decision(tmp_path):
    config = lsnet_config()
    config.custom_imports = dict(imports='json.tool')
    path = tmp_path / 'a.pth'
    torch.save(dict(meta=dict(cfg=inference_config(config).pretty_text), state_dict={}), path)
    with pytest.raises(ExportError, match="a.pth: the config imports 'json.tool'"):
        read_checkpoint_config(path)
    assert read_checkpoint_config(path, trusted_imports=('json',)).model.type == 'LSNet'


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
    with pytest.raises(ExportError, match=message):
        read_checkpoint_config(tmp_path / 'a.pth')


def test_a_missing_and_a_malicious_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='checkpoint not found'):
        read_checkpoint_config(tmp_path / 'none.pth')
    torch.save(dict(meta=dict(cfg=''), extra=print), tmp_path / 'a.pth')
    with pytest.raises(UnsafeCheckpointError):
        read_checkpoint_config(tmp_path / 'a.pth')


def test_a_checkpoint_of_another_config_is_refused(trained, tmp_path):
    config = lsnet_config()
    config.model = segmentor() | dict(data_preprocessor=config.model.data_preprocessor)
    with pytest.raises(WrongCheckpointError, match=r'epoch_3.pth is no checkpoint of this config'):
        export(config, str(trained.checkpoint), tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


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
    with pytest.raises(ExportError, match='more than assign plain values'):
        parse_config(text)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    'name', ['os.system', 'mmengine.load', 'mmcv.cut_video', 'mmseg.apis.init_model', 7, 'a b']
)
def test_a_type_is_a_registered_name(name):
    """mmengine would import and call any object that a dotted type names."""
    with pytest.raises(ExportError, match='no name in a registry'):
        check_config(dict(model=dict(parts=[dict(type=name)])))
    check_config(dict(model=dict(type='LSNet', head=dict(type='mmdet.CenterNetHead'))))


def test_custom_imports_are_a_dict():
    with pytest.raises(ExportError, match='should be a dict'):
        check_config(dict(custom_imports=['this']))
