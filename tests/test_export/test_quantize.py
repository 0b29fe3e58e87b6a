"""Convolutions in 8 bits: fewer bytes, nearly the same masks, by the same runner."""

import copy
import json

import numpy as np
import onnx
import pytest
from exporting import dice

from lsnet_mm.export.calibration import calibration_images
from lsnet_mm.export.command import export
from lsnet_mm.export.errors import ExportError
from lsnet_mm.export.onnx_model import ONNXModel
from lsnet_mm.export.quantize import quantize
from lsnet_mm.phantom import write_prepared

pytestmark = pytest.mark.filterwarnings('ignore')


@pytest.fixture(scope='module')
def config(trained, tmp_path_factory):
    """The trained model's config, with phantoms to train on."""
    data = write_prepared(tmp_path_factory.mktemp('data'), 4, (80, 96, 16))
    config = copy.deepcopy(trained.config)
    own = dict(type='PancreasCTDataset', data_root=str(data), split='train', slices='foreground')
    augmented = [dict(type='LoadCTSlice'), dict(type='RandomCTAffine'), dict(type='HUWindow')]
    pipeline = [*augmented, dict(type='PackLSNetInputs')]
    config.train_dataloader = dict(dataset=dict(own, pipeline=pipeline))
    return config


def test_masks_stay_and_bytes_go(trained, config, tmp_path):
    export(config, str(trained.checkpoint), tmp_path / 'out', onnx=True, int8=6)
    exact, small = ONNXModel(trained.folder, threads=1), ONNXModel(tmp_path / 'out', threads=1)
    slices = trained.slices
    results = [model(slices) for model in (exact, small)]
    masks, heat = (
        [np.stack([r[key] for r in rs]) for rs in results] for key in ('mask', 'heatmap')
    )
    # How near a threshold so short a training leaves a map is chance; the maps themselves are not.
    assert masks[0].any() and dice(*masks) > 0.5
    assert np.abs(heat[0] - heat[1]).mean() < 0.05
    about = json.loads((tmp_path / 'out' / 'model.json').read_text())
    assert about['int8']['slices'] == 6 and about['int8']['dice_with_float32'] > 0.5
    for name in ('localizer.onnx', 'segmentor.onnx'):
        before, after = (folder / name for folder in (trained.folder, tmp_path / 'out'))
        assert after.stat().st_size < before.stat().st_size
        graph = onnx.load(after).graph
        weights = {i.name: i.data_type for i in graph.initializer}
        made = {output: node for node in graph.node for output in node.output}
        convolutions = [node for node in graph.node if node.op_type == 'Conv']
        assert convolutions
        for node in convolutions:
            data, kernel = (made[name] for name in node.input[:2])
            assert data.op_type == kernel.op_type == 'DequantizeLinear'
            assert weights[kernel.input[0]] == onnx.TensorProto.INT8


def test_slices_of_the_training_as_in_the_test(config):
    images = calibration_images(config, 5)
    assert len(images) == 5 and all(i.shape == (1, 1, 96, 80) for i in images)
    assert all(i.dtype == np.float32 and 0 <= i.min() < i.max() <= 255 for i in images)
    again = calibration_images(config, 5)  # nothing random in them
    assert all(np.array_equal(a, b) for a, b in zip(images, again, strict=True))
    assert len(calibration_images(config, 10**6)) < 100


def test_without_data(trained, config, tmp_path):
    arguments = str(trained.checkpoint), tmp_path / 'out'
    absent = copy.deepcopy(config)
    absent.train_dataloader.dataset.data_root = 'no/such/folder'
    with pytest.raises(ExportError, match='no/such/folder does not exist: put the data there'):
        export(absent, *arguments, onnx=True, int8=4)
    with pytest.raises(ExportError, match='the config names none'):
        export(trained.config, *arguments, onnx=True, int8=4)
    with pytest.raises(ExportError, match='add --onnx'):
        export(config, *arguments, int8=4)
    assert not (tmp_path / 'out').exists()


def test_nothing_found(trained):
    """Slices without an object count as agreement; without any object there is nothing to learn."""
    about = json.loads((trained.folder / 'model.json').read_text())
    about['localizer']['score_thr'] = 1.1  # more than any probability
    graphs = {n: (trained.folder / n).read_bytes() for n in ('localizer.onnx', 'segmentor.onnx')}
    with pytest.raises(ExportError, match='no object in 1 slices'):
        quantize(graphs, about, [np.zeros((1, 1, 96, 80), np.float32)])
