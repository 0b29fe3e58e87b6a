"""MMSegmentation's layer-wise decay of learning rates, for one net of two."""

import pytest
from helpers import GN, lsnet, segmentor
from mmengine.optim import build_optim_wrapper

from lsnet_mm.engine.optimizers import PerNetConstructor  # noqa: F401  registers

BACKBONE = dict(
    type='BEiT', img_size=(64, 64), patch_size=16, embed_dims=16, num_layers=2,
    num_heads=2, mlp_ratio=2, out_indices=(1,), qv_bias=True,
)  # fmt: skip
HEAD = dict(
    type='FCNHead', in_channels=16, in_index=0, channels=8, num_convs=1, num_classes=2,
    out_channels=1, threshold=0.5, norm_cfg=GN, loss_decode=dict(type='FocalDiceLoss'),
)  # fmt: skip
DECAY = dict(
    constructor='LearningRateDecayOptimizerConstructor',
    decay_rate=0.5,
    decay_type='layer_wise',
    num_layers=2,
)


def beit():
    return lsnet(seg=segmentor() | dict(backbone=BACKBONE, neck=None, decode_head=HEAD))


def config(**nets):
    adam = dict(type='AdamW', lr=0.1, weight_decay=0.05)
    return dict(constructor='PerNetConstructor', optimizer=adam, paramwise_cfg=nets)


def test_decays_one_net_and_leaves_the_other():
    model = beit()
    wrapper = build_optim_wrapper(model, config(segmentor=DECAY, localizer=dict(bias_lr_mult=2.0)))
    groups = wrapper.optimizer.param_groups
    rate = {id(p): group['lr'] for group in groups for p in group['params']}
    names = dict(model.named_parameters())
    assert sorted(rate) == sorted(map(id, names.values()))  # every one, once
    assert sum(len(group['params']) for group in groups) == len(names)
    expected = {
        # Layers 0 (embedding) to 3 (head): 0.5 ** (3 - layer).
        'segmentor.backbone.patch_embed.projection.weight': 0.0125,
        'segmentor.backbone.layers.0.attn.qkv.weight': 0.025,
        'segmentor.backbone.layers.1.attn.qkv.weight': 0.05,
        'segmentor.decode_head.conv_seg.weight': 0.1,
        'localizer.backbone.conv1.weight': 0.1,
        'localizer.head.keypoints.3.bias': 0.2,
    }
    assert {name: rate[id(names[name])] for name in expected} == pytest.approx(expected)


def test_a_net_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="no net 'segmenter' in the model: .*segmentor"):
        build_optim_wrapper(lsnet(), config(segmenter=DECAY))
