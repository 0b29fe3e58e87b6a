import sys
from types import ModuleType

import pytest
import torch
from benchmarking import LSNET, UNET
from torch import nn

from lsnet_mm.benchmark import PEERS
from lsnet_mm.benchmark.inference import Inference
from lsnet_mm.benchmark.training import Training
from lsnet_mm.benchmark.turns import Laps


@pytest.mark.parametrize('name', PEERS)
def test_an_absent_library_is_named(name, monkeypatch):
    monkeypatch.setattr('lsnet_mm.benchmark.peers.find_spec', lambda package: None)
    peer = PEERS[name]
    reason = f'{peer.package} is not installed (pip install {peer.install})'
    assert peer.missing() == reason


@pytest.mark.parametrize('config', [UNET, LSNET])
def test_a_library_that_is_there_is_trained_and_predicts(subject, scene, monkeypatch, config):
    fake = ModuleType('segmentation_models_pytorch')
    fake.Unet = lambda name, encoder_weights, in_channels, classes: nn.Conv2d(
        in_channels, classes, 3, padding=1
    )
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    peer = PEERS['smp_unet_r34'].subject('smp_unet_r34', subject(config))
    model = peer.build()
    assert sum(p.numel() for p in model.parameters()) == 28  # nothing is added to it
    weight = model.backbone.net.weight.detach().clone()
    training = Training(peer, model, scene)
    assert list(training.runs()) == ['step']
    training.step(Laps(lambda: 0.0))
    assert not torch.equal(weight, model.backbone.net.weight)
    profile = Inference(peer, model, scene).profile()
    assert profile['shares']['net'] > 0 and 'crops' not in profile


def test_monai_basic_unet(subject):
    pytest.importorskip('monai')
    model = PEERS['monai_basic_unet'].subject('monai_basic_unet', subject(UNET)).build()
    logits = model(torch.rand(1, 3, 64, 64), mode='tensor')
    assert logits.shape == (1, 1, 64, 64)
