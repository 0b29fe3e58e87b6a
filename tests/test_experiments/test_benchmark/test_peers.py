import sys
from types import ModuleType

import pytest
import torch
from benchmarking import LSNET, UNET
from torch import nn

from lsnet_mm.experiments.benchmark.inference import Inference
from lsnet_mm.experiments.benchmark.peers import PEERS, missing_library, peer_system
from lsnet_mm.experiments.benchmark.timing import Stopwatch
from lsnet_mm.experiments.benchmark.training import Training


@pytest.mark.parametrize(
    ('name', 'package'),
    [
        ('monai_basic_unet', 'monai'),
        ('monai_attention_unet', 'monai'),
        ('smp_unet_r34', 'segmentation-models-pytorch'),
        ('nnunet_2d', 'dynamic-network-architectures'),
    ],
)
def test_an_absent_library_is_named(name, package, monkeypatch):
    monkeypatch.setattr('lsnet_mm.experiments.benchmark.peers.find_spec', lambda package: None)
    module = package.replace('-', '_')
    assert missing_library(name) == f'{module} is not installed (pip install {package})'


@pytest.mark.parametrize('config', [UNET, LSNET])
def test_a_library_that_is_there_is_trained_and_predicts(build_system, scene, monkeypatch, config):
    fake = ModuleType('segmentation_models_pytorch')
    fake.Unet = lambda encoder_name, encoder_weights, in_channels, classes: nn.Conv2d(
        in_channels, classes, 3, padding=1
    )
    monkeypatch.setitem(sys.modules, fake.__name__, fake)
    peer = peer_system('smp_unet_r34', build_system(config))
    assert sum(p.numel() for p in peer.model.parameters()) == 28  # nothing is added to it
    weight = peer.model.backbone.weight.detach().clone()
    training = Training(peer, scene)
    assert list(training.runs()) == ['step']
    training.step(Stopwatch(lambda: 0.0))
    assert not torch.equal(weight, peer.model.backbone.weight)
    profile = Inference(peer, scene).profile()
    assert profile['shares']['net'] > 0 and 'crops' not in profile


@pytest.mark.parametrize('name', PEERS)
def test_the_libraries_themselves(build_system, name):
    if reason := missing_library(name):
        pytest.skip(reason)
    system = peer_system(name, build_system(UNET), 'plain')
    assert system.name == f'{name}, plain' and system.peer
    logits = system.model(torch.rand(1, 3, 64, 64), mode='tensor')
    assert logits.shape == (1, 1, 64, 64)
