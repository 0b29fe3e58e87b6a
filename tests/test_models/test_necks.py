"""What turns a backbone's features into one map; Attention U-Net's gate against its formula (Oktay
et al., 2018, Eq. 1 and 2)."""

import math

import pytest
import torch
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from lsnet_mm.models import AttentionUNetNeck, FCNNeck, StemResNet, UNetNeck
from lsnet_mm.models.necks.attention_unet_neck import AttentionGate


def features(channels, size=64):
    return [torch.rand(2, c, size >> i, size >> i) for i, c in enumerate(channels)]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.mark.parametrize(
    'build, channels, size, shape',
    [
        (lambda c: UNetNeck(c, (32, 16, 8, 8, 4)), (8, 8, 16, 32, 64), 32, (4, 64, 64)),
        (lambda c: UNetNeck(c, (32, 16, 8)), (8, 16, 32, 64), 16, (8, 16, 16)),
        (lambda c: FCNNeck(c, 8, scale_factor=8), (16, 32, 64), 8, (8, 64, 64)),
        (lambda c: FCNNeck(c, 8), (8, 16), 64, (8, 64, 64)),
    ],
)
def test_shapes(build, channels, size, shape):
    assert build(channels)(features(channels, size))[0].shape == (2, *shape)


def test_unet_neck_on_sizes_that_no_power_of_two_divides():
    backbone = StemResNet(18, base_channels=8, stem_channels=8)
    backbone.eval()
    neck = UNetNeck((8, 8, 16, 32, 64), (32, 16, 8, 8))
    (half,) = neck(backbone(torch.rand(1, 3, 75, 101)))
    assert half.shape == (1, 8, 38, 51)


def test_stem_resnet_adds_the_stem_and_nothing_else():
    torch.manual_seed(0)
    stem = StemResNet(18, base_channels=8, stem_channels=8)
    stock = MODELS.build(dict(type='ResNet', depth=18, base_channels=8, stem_channels=8))
    stock.load_state_dict(stem.state_dict())
    stem.eval(), stock.eval()
    x = torch.rand(1, 3, 64, 64)
    first, *rest = stem(x)
    assert first.shape == (1, 8, 32, 32)
    assert all(torch.equal(a, b) for a, b in zip(rest, stock(x), strict=True))


@pytest.mark.parametrize('neck', [UNetNeck((8, 16), (8,)), FCNNeck((8, 16), 8)])
@pytest.mark.parametrize(
    'channels, message',
    [
        ((16,), 'needs 2 scales.*a single one with 16 channels'),
        ((8, 9), r"gives features of \[8, 9\] channels.*'in_channels'"),
    ],
)
def test_features_that_do_not_fit(neck, channels, message):
    with pytest.raises(ValueError, match=message):
        neck(features(channels, 8))


def test_more_skips_than_steps():
    with pytest.raises(ValueError, match="need at least 4 steps.*'out_indices'"):
        UNetNeck((64, 64, 128, 256, 512), (256, 128, 64))


def gate_of_ones():
    """W_x sums 2x2 pixels, W_g doubles, b_g = 1, psi is -0.5 q + 0.25, W is the identity."""
    gate = AttentionGate(1, 1, channels=1, norm_cfg=None)
    with torch.no_grad():
        gate.skip.weight.fill_(1)
        gate.gate.weight.fill_(2), gate.gate.bias.fill_(1)
        gate.psi.weight.fill_(-0.5), gate.psi.bias.fill_(0.25)
        gate.close[0].weight.fill_(1), gate.close[0].bias.fill_(0)
    return gate


def test_a_gate_by_hand():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    g = torch.tensor([[[[0.5]]]])
    # q = -0.5 * relu((1 + 2 + 3 + 4) + (2 * 0.5 + 1)) + 0.25 = -5.75
    alpha = 1 / (1 + math.exp(5.75))
    gate = gate_of_ones()
    assert gate.attention(x, g).flatten().tolist() == pytest.approx([alpha] * 4, rel=1e-5)
    assert gate(x, g).flatten().tolist() == pytest.approx(
        [alpha, 2 * alpha, 3 * alpha, 4 * alpha], rel=1e-5
    )


def test_the_sum_in_a_gate_is_rectified():
    x, g = torch.full((1, 1, 2, 2), -10.0), torch.zeros(1, 1, 1, 1)
    expected = 1 / (1 + math.exp(-0.25))  # relu(-40 + 1) = 0, psi gives its bias
    assert gate_of_ones().attention(x, g).max().item() == pytest.approx(expected, rel=1e-5)


def test_every_skip_but_the_finest_is_gated():
    neck = AttentionUNetNeck((64, 64, 128, 256, 512), (256, 128, 64, 32, 16))
    gates = [m for m in neck.modules() if isinstance(m, AttentionGate)]
    assert [g.skip.in_channels for g in gates] == [256, 128, 64]
    assert [g.gate.in_channels for g in gates] == [512, 256, 128]
    assert neck(features(neck.in_channels, 32))[0].shape == (2, 16, 64, 64)


def test_a_closed_gate_hides_the_skip():
    neck = AttentionUNetNeck((8, 16, 32), (16, 8)).eval()
    gate = neck.blocks[0].gate
    nn.init.zeros_(gate.psi.weight), nn.init.constant_(gate.psi.bias, -100)
    feats = features((8, 16, 32), 16)
    other = [feats[0], torch.rand(2, 16, 8, 8), feats[2]]
    assert torch.allclose(neck(feats)[0], neck(other)[0])
