"""L-Net takes any backbone whose neck leads to the head's stride, and refuses the others."""

from contextlib import nullcontext

import pytest
import torch
from helpers import GN, batch, localizer
from mmengine.registry import MODELS, init_default_scope

from lsnet_mm.models.localizers.lnet import check_stride

VIT = dict(
    type='VisionTransformer',
    img_size=(96, 96),
    embed_dims=16,
    num_layers=2,
    num_heads=2,
    out_indices=(0, 1),
)


def build(**parts):
    init_default_scope('mmseg')
    cfg = localizer()
    cfg['head'].update(parts.pop('head', {}))
    return MODELS.build(cfg | parts)


def neck(in_channels, channels):
    return dict(type='UNetNeck', in_channels=in_channels, channels=channels, norm_cfg=GN)


@pytest.mark.parametrize(
    'parts, size',
    [
        (dict(neck=neck((8, 16, 32, 64), (32, 16, 16, 16))), 48),  # a step too many
        (dict(backbone=VIT, neck=neck((16, 16), (16,))), 6),  # all features at a sixteenth
        (dict(head=dict(stride=8)), 24),
    ],
)
def test_a_map_of_another_resolution_is_refused(parts, size):
    """Its boxes would all lie in the image's corner, or outside."""
    model, (inputs, samples) = build(**parts), batch()
    message = rf"F' is \({size}, {size}\) for images of \(96, 96\).*'out_indices'.*MultiLevelNeck"
    for call in (model.loss, model.propose, model.loss_and_propose, model.predict):
        with pytest.raises(ValueError, match=message):
            call(inputs, samples)


def test_a_plain_transformer_with_a_neck_before_the_neck():
    scales = dict(type='MultiLevelNeck', in_channels=[16, 16], out_channels=16, scales=[4, 2])
    model, (inputs, samples) = build(backbone=VIT, neck=[scales, neck((16, 16), (16,))]), batch()
    losses = model.loss(inputs, samples)
    sum(losses.values()).backward()
    assert model.backbone.cls_token.grad.any()
    heatmap, _ = model(inputs)
    assert heatmap.shape == (2, 1, 24, 24)


def test_another_stride_is_a_setting_of_the_head():
    """From an eighth on, without a further step: boxes are in input pixels all the same."""
    model = build(
        backbone=localizer()['backbone'] | dict(out_indices=(1, 2, 3)),
        neck=neck((16, 32, 64), (32, 16)),
        head=dict(stride=8, test_cfg=dict(score_thr=-1.0), prior_distance=2),
    )
    model.init_weights()
    inputs, samples = batch()
    model.loss(inputs, samples)
    with torch.no_grad():
        for found in model.eval().predict(inputs, samples):
            width = found.bboxes[0, 2] - found.bboxes[0, 0]
            assert width.item() == pytest.approx(2 * 2 * 8, rel=0.2)


@pytest.mark.parametrize(
    'image, feature, fits',
    [
        ((75, 101), (19, 26), True),  # rounded up
        ((75, 101), (18, 25), True),  # rounded down
        ((75, 101), (20, 28), True),  # padded to a multiple of 16
        ((33, 33), (12, 12), True),
        ((320, 320), (40, 80), False),
        ((75, 101), (10, 13), False),
        ((320, 320), (160, 160), False),
    ],
)
def test_strides(image, feature, fits):
    refusal = pytest.raises(ValueError, match='a cell for each 4 pixels')
    with nullcontext() if fits else refusal:
        check_stride(image, feature, 4)


def test_training_boxes_are_those_of_a_test():
    """In phase 2 norms use and keep the statistics of inference, and what is frozen stays so."""
    torch.manual_seed(0)
    norm_cfg = dict(type='BN')
    init_default_scope('mmseg')
    net = MODELS.build(localizer(norm_cfg=norm_cfg)).train()
    net.backbone.layer1.eval()  # as a hook that freezes it does
    modes = {name: module.training for name, module in net.named_modules()}
    inputs, samples = batch(((20, 24, 50, 60), (40, 30, 80, 70)))
    inputs, before = 5 + 3 * inputs, {k: v.clone() for k, v in net.state_dict().items()}
    torch.manual_seed(1)
    rois = net.propose(inputs, samples)
    assert {name: module.training for name, module in net.named_modules()} == modes
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    torch.manual_seed(1)
    assert torch.equal(net.eval().propose(inputs, samples), rois) and rois.requires_grad
    torch.manual_seed(1)
    fused = net.train().loss_and_propose(inputs, samples)[1]
    assert not torch.allclose(fused, rois)  # one forward pass serves both there
