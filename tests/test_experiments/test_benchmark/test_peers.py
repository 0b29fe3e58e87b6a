import sys
from types import ModuleType

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from lsnet_mm.experiments.benchmark import peers
from lsnet_mm.experiments.benchmark.arguments import PEERS
from lsnet_mm.experiments.benchmark.peers import FOLDER, peer_config
from lsnet_mm.utils import read_config

UNET, LSNET = 'unet/unet_small_slices_320', 'lsnet/lsnet_small_phantom'


def test_an_absent_library_is_named(build_system, monkeypatch):
    monkeypatch.setattr(peers, 'find_spec', lambda package: None)
    with pytest.raises(ModuleNotFoundError, match=r'\(pip install segmentation-models-pytorch\)'):
        peer_config('smp_unet_r34', build_system(UNET).cfg)


@pytest.mark.parametrize('config', [UNET, LSNET])
def test_a_library_that_is_there_is_trained_and_predicts(build_system, monkeypatch, config):
    fake = ModuleType('segmentation_models_pytorch')
    fake.Unet = lambda encoder_name, encoder_weights, in_channels, classes: nn.Conv2d(
        in_channels, classes, 3, padding=1
    )
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    monkeypatch.setattr(peers, 'find_spec', lambda package: package == fake.__name__)
    peer = build_system(config)
    peer.cfg = peer_config('smp_unet_r34', peer.cfg)
    assert sum(p.numel() for p in peer.model.parameters()) == 28  # nothing is added to it
    weight = peer.model.backbone.weight.detach().clone()
    assert list(peer.runs()) == ['step']
    peer.step()
    assert not torch.equal(weight, peer.model.backbone.weight)
    peer.predict()
    assert not peer.crops


@pytest.mark.parametrize('name', PEERS)
def test_a_peer_is_a_model_by_its_config_alone(name):
    cfg = read_config(FOLDER / f'{name}.py')
    pytest.importorskip(cfg.model.backbone.net.split('.')[0])
    init_default_scope('mmseg')
    logits = MODELS.build(cfg.model)(torch.rand(2, 3, 128, 128), mode='tensor')
    assert logits.shape == (2, 1, 128, 128)


def test_images_of_a_size_that_a_net_cannot_take(monkeypatch):
    monkeypatch.setattr('torch.nn.Stub', lambda **_: nn.Identity(), raising=False)
    net = peers.build_net('torch.nn.Stub', multiple=64)
    assert net(torch.zeros(1, 3, 64, 128)).shape[-1] == 128
    with pytest.raises(ValueError, match='multiples of 64, not 160x128'):
        net(torch.zeros(1, 3, 160, 128))
