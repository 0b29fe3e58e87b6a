"""Normalisation that is folded away changes nothing but rounding, and only where it may be."""

import pytest
import torch
from mmcv.cnn import ConvModule
from mmengine.registry import init_default_scope
from torch import nn

from lsnet_mm.apis import LSNetInferencer, VolumePredictor, load_model
from lsnet_mm.apis.weights import FOLDER
from lsnet_mm.experiments.benchmark.scene import phantom_scene
from lsnet_mm.models.utils.fold_norms import fold_norms
from lsnet_mm.registry import MODELS


def used(module, seed=0):
    """As if it was trained: no statistic and no weight is what it starts with."""
    generator = torch.Generator().manual_seed(seed)
    for norm in (m for m in module.modules() if hasattr(m, 'running_var')):
        for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
            if tensor is not None:
                tensor.data = torch.rand(tensor.shape, generator=generator) + 0.5
    module.eval()  # of a backbone it returns nothing
    return module


def norms(module):
    return sum(isinstance(m, nn.BatchNorm2d) for m in module.modules())


def difference(module, image):
    """How far outputs are apart once it is folded, of what they are."""
    with torch.no_grad():
        before = module(image)
        after = fold_norms(module)(image)
    return float((after - before).abs().max() / before.abs().max())


@pytest.mark.parametrize(
    'backbone',
    [
        dict(type='StemResNet', depth=18, base_channels=16, stem_channels=16),
        dict(type='mmseg.ResNetV1c', depth=50, base_channels=16, stem_channels=16),
        dict(type='mmseg.MobileNetV2'),
    ],
    ids=lambda b: b['type'],
)
def test_backbones_lose_all_norms_and_keep_their_features(backbone):
    init_default_scope('mmseg')
    net = used(MODELS.build(backbone))
    image = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        before = net(image)
        assert norms(net) and not norms(fold_norms(net))
        after = net(image)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4 * float(one.abs().max()))


def test_a_resnet_with_other_norms_stays():
    init_default_scope('mmseg')
    groups = dict(norm_cfg=dict(type='GN', num_groups=4), base_channels=16, stem_channels=16)
    net = used(MODELS.build(dict(type='StemResNet', depth=18, **groups)))
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        before = net(image)
        assert all(map(torch.equal, before, fold_norms(net)(image)))


@pytest.mark.parametrize('bias', [False, True])
def test_a_convolution_and_its_norm_in_a_row(bias):
    net = used(nn.Sequential(nn.Conv2d(3, 8, 3, bias=bias), nn.BatchNorm2d(8), nn.ReLU()))
    assert difference(net, torch.rand(2, 3, 9, 9)) < 1e-5 and not norms(net)


class Twice(nn.Module):
    """One convolution with a norm for each scale, as heads have it."""

    def __init__(self):
        super().__init__()
        conv = nn.Conv2d(3, 3, 1)
        self.scales = nn.ModuleList(nn.Sequential(conv, nn.BatchNorm2d(3)) for _ in range(2))

    def forward(self, x):
        return self.scales[1](self.scales[0](x))


class Apart(nn.Module):
    """Children in the order of a convolution and its norm, which come the other way round."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.conv1(self.bn1(x))


def watched():
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    net[0].register_forward_hook(lambda *_: None)
    return net


@pytest.mark.parametrize(
    'build',
    [
        Twice,
        Apart,
        watched,
        lambda: ConvModule(3, 3, 1, norm_cfg=dict(type='BN'), order=('norm', 'conv', 'act')),
        lambda: ConvModule(3, 3, 1, norm_cfg=dict(type='BN'), order=('conv', 'act', 'norm')),
        lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.InstanceNorm2d(3)),
        lambda: nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)),
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 3, 2), nn.BatchNorm2d(3)),
    ],
)
def test_what_cannot_be_folded_stays(build):
    net = used(build())
    names = [name for name, _ in net.named_modules()]
    kinds = [type(m) for m in net.modules()]
    assert difference(net, torch.rand(2, 3, 9, 9)) == 0
    assert [name for name, _ in net.named_modules()] == names
    assert [type(m) for m in net.modules()] == kinds


def test_a_model_in_training_keeps_its_norms():
    net = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    assert norms(fold_norms(net)) == 1


@pytest.mark.parametrize('name', [path.stem for path in sorted(FOLDER.glob('*.pth'))])
def test_masks_of_the_weights_that_come_along_stay_bit_for_bit(name):
    """Of 131,072 voxels none is so near to the threshold that rounding moves it."""
    volume = phantom_scene(128, 8, 0.5).volume
    folded = LSNetInferencer(None, FOLDER / f'{name}.pth', device='cpu', show_progress=False)
    assert not norms(folded.model)
    found = folded(volume, return_datasamples=True)['predictions'][0]
    plain = VolumePredictor(load_model(None, FOLDER / f'{name}.pth', 'cpu'), folded.pipeline)
    assert norms(plain.model)
    mask = folded.tidy_up(plain(volume).mask).voxels
    assert mask.any()
    assert (found.mask.voxels != mask).sum() == 0
