import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from lsnet_mm.models import FCNNeck, StemResNet, UNetNeck


def count(module):
    return sum(p.numel() for p in module.parameters())


def features(channels, size=64):
    return [torch.rand(2, c, size >> i, size >> i) for i, c in enumerate(channels)]


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmseg')


@pytest.mark.parametrize('depth, expected', [(18, 14_328_209), (34, 24_436_369)])
def test_parameters_of_the_one_stage_unet(depth, expected):
    model = Config.fromfile('configs/_base_/models/unet_r34.py').model
    model.backbone.depth = depth
    assert count(MODELS.build(model)) == expected


def test_parameters_of_lnet():
    localizer = Config.fromfile('configs/_base_/models/lnet_unet_r18.py').localizer
    assert count(MODELS.build(localizer)) == 14_503_173


def test_unet_neck_shapes():
    (full,) = UNetNeck((8, 8, 16, 32, 64), (32, 16, 8, 8, 4))(features((8, 8, 16, 32, 64), 32))
    assert full.shape == (2, 4, 64, 64)
    (quarter,) = UNetNeck((8, 16, 32, 64), (32, 16, 8))(features((8, 16, 32, 64), 16))
    assert quarter.shape == (2, 8, 16, 16)


def test_unet_neck_on_sizes_that_no_power_of_two_divides():
    backbone = StemResNet(18, base_channels=8, stem_channels=8)
    backbone.eval()
    neck = UNetNeck((8, 8, 16, 32, 64), (32, 16, 8, 8))
    (half,) = neck(backbone(torch.rand(1, 3, 75, 101)))
    assert half.shape == (1, 8, 38, 51)


def test_fcn_neck_shapes():
    (fused,) = FCNNeck((16, 32, 64), 8, scale_factor=8)(features((16, 32, 64), 8))
    assert fused.shape == (2, 8, 64, 64)
    assert FCNNeck((8, 16), 8)(features((8, 16)))[0].shape == (2, 8, 64, 64)


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


@pytest.mark.parametrize('neck', [UNetNeck, FCNNeck])
def test_features_that_do_not_fit(neck):
    with pytest.raises(ValueError, match='needs 2 scales.*a single one with 512 channels'):
        neck((256, 512), **({'channels': (8,)} if neck is UNetNeck else {}))(
            [torch.rand(1, 512, 4, 4)]
        )
    with pytest.raises(ValueError, match=r"gives features of \[8, 9\] channels.*'in_channels'"):
        neck((8, 16), **({'channels': (8,)} if neck is UNetNeck else {}))(
            [torch.rand(1, 8, 8, 8), torch.rand(1, 9, 4, 4)]
        )


def test_more_skips_than_steps():
    with pytest.raises(ValueError, match="need at least 4 steps.*'out_indices'"):
        UNetNeck((64, 64, 128, 256, 512), (256, 128, 64))
