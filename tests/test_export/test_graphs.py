"""What has a graph; one that is wrong, or right for one size of images only, is noticed."""

import onnxruntime
import pytest
import torch
from exporting import PREPROCESSOR, build, config, needs_graphs, segmentor
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from lsnet_mm.export import ExportError
from lsnet_mm.export.graphs import ImageGraph, check, graphs_of, trace


class Plain(ImageGraph):
    def __init__(self):
        init_default_scope('mmseg')
        super().__init__(MODELS.build(PREPROCESSOR))


class Pooling(Plain):
    """Torch makes constants of the windows of an adaptive pooling."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(3)

    def forward(self, images):
        return self.pool(self.normalize(images))


class Branching(Plain):
    """What depends on a value is no graph."""

    def forward(self, images):
        return images if images.sum() > 0 else -images


class Scaling(Plain):
    def forward(self, images):
        return self.normalize(images)


@needs_graphs
def test_one_size_only_needs_that_size():
    graph = Pooling()
    with pytest.raises(ExportError, match='resize the images in the test pipeline'):
        trace(graph, 3)
    file = trace(graph, 3, (50, 40))
    check(file, graph, graph.example(4, 3, (50, 40)))
    shape = onnxruntime.InferenceSession(file).get_inputs()[0].shape
    assert shape[2:] == [50, 40] and isinstance(shape[0], str)


@needs_graphs
def test_a_wrong_graph():
    graph = Scaling()
    file = trace(graph, 3)
    graph.preprocessor.mean += 0.05
    with pytest.raises(ExportError, match='Scaling in ONNX differs from PyTorch'):
        check(file, graph, graph.example(1, 3, (50, 40)))


@needs_graphs
def test_what_torch_cannot_export():
    with pytest.raises(ExportError, match='torch cannot export Branching'):
        trace(Branching(), 3)


@needs_graphs
@pytest.mark.parametrize('channels', [1, 3])
def test_the_order_of_channels_and_every_size(channels):
    images = torch.rand(1, channels, 5, 7)
    session = onnxruntime.InferenceSession(trace(Scaling(), channels))
    (found,) = session.run(None, dict(images=images.numpy()))
    rgb = images.flip(1) - torch.tensor(PREPROCESSOR['mean']).view(3, 1, 1)
    expected = rgb / torch.tensor(PREPROCESSOR['std']).view(3, 1, 1)
    torch.testing.assert_close(torch.from_numpy(found), expected)


def coarse(classes):
    localizer = dict(type='CoarseLocalizer', segmentor=segmentor(classes))
    crop = dict(type='HardCrop', size=(64, 64), margin=16)
    return dict(type='LSNet', localizer=localizer, roi_extractor=crop, segmentor=segmentor())


SLIDING = segmentor() | dict(test_cfg=dict(mode='slide', crop_size=(32, 32)))


@pytest.mark.parametrize(
    'model, padding, message',
    [
        (SLIDING, None, "test_cfg.mode='slide'"),
        (coarse(classes=3), None, 'CoarseLocalizer of several classes'),
        (segmentor(), dict(size_divisor=32), r'without test_cfg \(padding\)'),
    ],
)
def test_models_that_no_graph_stands_for(model, padding, message):
    cfg = config(model, 'LoadCTSlice')
    cfg.model.data_preprocessor.test_cfg = padding
    with pytest.raises(ExportError, match=message):
        graphs_of(build(cfg))


def test_a_model_of_another_type():
    with pytest.raises(ExportError, match='type Linear cannot be exported'):
        graphs_of(nn.Linear(1, 1))
