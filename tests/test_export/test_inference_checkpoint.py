"""Inference checkpoints: small, without secrets, and the same predictions bit for bit."""

import pytest
import torch
from exporting import lsnet_config, predict, segmentor
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmseg.apis import init_model

from lsnet_mm.apis import WrongCheckpointError, load_model
from lsnet_mm.export.command import export
from lsnet_mm.export.inference_checkpoint import inference_config
from lsnet_mm.utils.checkpoint_config import ConfigTextError, read_checkpoint_config


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


def test_half_the_size(trained, tmp_path):
    """Kernels are rounded, all else is as it was, and a mask hardly moves."""
    export(trained.config, str(trained.checkpoint), tmp_path, half=True)
    path, whole = tmp_path / 'model.pth', trained.folder / 'model.pth'
    assert path.stat().st_size < 0.6 * whole.stat().st_size
    weights = torch.load(path, weights_only=True)['state_dict']
    for name, value in torch.load(whole, weights_only=True)['state_dict'].items():
        rounded = value.numpy().astype('float16') if value.ndim > 1 else value.numpy()
        assert weights[name].numpy().dtype == rounded.dtype
        assert (weights[name].numpy() == rounded).all()
    model = load_model(None, path, 'cpu')
    assert {value.dtype for value in model.parameters()} == {torch.float32}
    ours, theirs = (
        torch.stack([s.pred_sem_seg.data for s in predict(m, trained.config, trained.slices)])
        for m in (model, trained.model)
    )
    assert theirs.any() and (ours != theirs).float().mean() < 0.01


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
    with pytest.raises(ConfigTextError, match="a.pth: the config imports 'json.tool'"):
        read_checkpoint_config(path)
    assert read_checkpoint_config(path, trusted_imports=('json',)).model.type == 'LSNet'


def test_a_checkpoint_of_another_config_is_refused(trained, tmp_path):
    config = lsnet_config()
    config.model = segmentor() | dict(data_preprocessor=config.model.data_preprocessor)
    with pytest.raises(WrongCheckpointError, match=r'epoch_3.pth is no checkpoint of this config'):
        export(config, str(trained.checkpoint), tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
