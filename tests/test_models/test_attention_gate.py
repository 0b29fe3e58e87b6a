"""Attention U-Net's gate against its formula (Oktay et al., 2018, Eq. 1 and 2)."""

import math

import pytest
import torch
from torch import nn

from lsnet_mm.models.necks.attention_unet_neck import AttentionGate, AttentionUNetNeck


def gate_of_ones():
    """W_x sums 2x2 pixels, W_g doubles, b_g = 1, psi is -0.5 q + 0.25, W is the identity."""
    gate = AttentionGate(1, 1, channels=1, norm_cfg=None)
    with torch.no_grad():
        gate.skip.weight.fill_(1)
        gate.gate.weight.fill_(2), gate.gate.bias.fill_(1)
        gate.psi.weight.fill_(-0.5), gate.psi.bias.fill_(0.25)
        gate.close[0].weight.fill_(1), gate.close[0].bias.fill_(0)
    return gate


def test_value_by_hand():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    g = torch.tensor([[[[0.5]]]])
    # q = -0.5 * relu((1 + 2 + 3 + 4) + (2 * 0.5 + 1)) + 0.25 = -5.75
    alpha = 1 / (1 + math.exp(5.75))
    gate = gate_of_ones()
    assert gate.attention(x, g).flatten().tolist() == pytest.approx([alpha] * 4, rel=1e-5)
    assert gate(x, g).flatten().tolist() == pytest.approx(
        [alpha, 2 * alpha, 3 * alpha, 4 * alpha], rel=1e-5
    )


def test_the_sum_is_rectified():
    x, g = torch.full((1, 1, 2, 2), -10.0), torch.zeros(1, 1, 1, 1)
    expected = 1 / (1 + math.exp(-0.25))  # relu(-40 + 1) = 0, psi gives its bias
    assert gate_of_ones().attention(x, g).max().item() == pytest.approx(expected, rel=1e-5)


def test_shapes_and_parameters():
    gate = AttentionGate(64, 128)
    assert gate(torch.rand(2, 64, 20, 24), torch.rand(2, 128, 10, 12)).shape == (2, 64, 20, 24)
    # W_x 64*32*4, W_g 128*32 + 32, psi 32 + 1, W 64*64 + 64, its norm 2*64
    expected = 64 * 32 * 4 + 128 * 32 + 32 + 33 + 64 * 64 + 64 + 128
    assert sum(p.numel() for p in gate.parameters()) == expected


def test_every_skip_but_the_finest_is_gated():
    neck = AttentionUNetNeck((64, 64, 128, 256, 512), (256, 128, 64, 32, 16))
    gates = [m for m in neck.modules() if isinstance(m, AttentionGate)]
    assert [g.skip.in_channels for g in gates] == [256, 128, 64]
    assert [g.gate.in_channels for g in gates] == [512, 256, 128]
    feats = [
        torch.rand(1, c, s, s) for c, s in zip(neck.in_channels, (32, 16, 8, 4, 2), strict=True)
    ]
    assert neck(feats)[0].shape == (1, 16, 64, 64)


def test_a_closed_gate_hides_the_skip():
    neck = AttentionUNetNeck((8, 16, 32), (16, 8)).eval()
    gate = neck.blocks[0].gate
    nn.init.zeros_(gate.psi.weight), nn.init.constant_(gate.psi.bias, -100)
    feats = [torch.rand(1, c, s, s) for c, s in ((8, 16), (16, 8), (32, 4))]
    other = [feats[0], torch.rand(1, 16, 8, 8), feats[2]]
    assert torch.allclose(neck(feats)[0], neck(other)[0])
