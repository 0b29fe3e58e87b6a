"""tools/export.py: what it writes, and what it refuses before it writes anything."""

import hashlib
import importlib.util
import json
import os
from pathlib import Path

import pytest
import torch
from exporting import config, lsnet_config, needs_graphs, segmentor
from mmengine.runner import CheckpointLoader

from lsnet_mm.apis import load_model
from lsnet_mm.evaluation.calibration import KEPT, SCHEMA, model_sha256
from lsnet_mm.export import ExportError, command
from lsnet_mm.export.metadata import preprocessing
from lsnet_mm.utils.versions import too_old_for

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool(monkeypatch):
    """Its `main`, whose refusal of unsafe checkpoints ends with the test."""
    monkeypatch.setattr(CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy())
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
    spec = importlib.util.spec_from_file_location('tool_export', ROOT / 'tools' / 'export.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(lsnet_config().pretty_text)
    return str(path)


def refusal(capsys, function, *args):
    with pytest.raises(SystemExit) as caught:
        function(list(map(str, args)))
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_writes_and_says_how_large(tool, trained, config_file, tmp_path, capsys):
    out = tmp_path / 'out'
    tool([config_file, str(trained.checkpoint), '-o', str(out)])
    assert {path.name for path in out.iterdir()} == {'model.pth', 'model.json'}
    printed = capsys.readouterr().out
    assert f'{trained.checkpoint}: ' in printed and f'{out / "model.pth"}: ' in printed
    assert 'MB' in printed
    # Refused a second time, and the first export is left as it was.
    again = (config_file, trained.checkpoint, '-o', out)
    assert 'is there already' in refusal(capsys, tool, *again)
    tool([str(part) for part in (*again, '--overwrite')])


def test_a_calibration_goes_with_the_weights(tool, trained, config_file, tmp_path, capsys):
    content = dict.fromkeys(KEPT, {}) | dict(bad_dsc=60.0, thresholds=dict(agreement=0.85))
    content |= dict(schema=SCHEMA, model_sha256=model_sha256(trained.config), patients=[1])
    file, out = tmp_path / 'confidence.json', tmp_path / 'out'
    arguments = config_file, trained.checkpoint, '--confidence', file, '-o'
    file.write_text(json.dumps(content | dict(model_sha256='of another')))
    assert 'measured with another model' in refusal(capsys, tool, *arguments, out)
    assert not out.exists()
    file.write_text(json.dumps(content))
    tool([str(part) for part in (*arguments, out)])
    expected = {key: content[key] for key in KEPT}
    assert torch.load(out / 'model.pth', weights_only=True)['meta']['confidence'] == expected
    assert load_model(trained.config, out / 'model.pth', 'cpu').confidence == expected
    assert load_model(trained.config, trained.folder / 'model.pth', 'cpu').confidence is None
    # An export of an export has it still.
    tool([config_file, str(out / 'model.pth'), '-o', str(tmp_path / 'again')])
    assert load_model(config_file, tmp_path / 'again/model.pth', 'cpu').confidence == expected


@needs_graphs
def test_metadata(trained):
    about = json.loads((trained.folder / 'model.json').read_text())
    assert about['opset'] == 18 and about['classes'] == ['background', 'pancreas']
    steps = dict(channels=1, neighbours=0, hu_window=[-100, 240], resize=None)
    assert about['preprocessing'] == steps
    assert about['crop'] == dict(type='RoIRecalibration', size=[64, 64], margin=16)
    rule = dict(kind='heatmap', size=[64, 64], stride=4, score_thr=0.5, max_per_img=100)
    assert about['localizer'] == rule | dict(vote=True, centerness=True)
    assert (about['threshold'], about['rounds'], about['agreement']) == (0.5, 3, 0.99)
    assert set(about['files']) == {'model.pth', 'localizer.onnx', 'segmentor.onnx'}
    for name, file in about['files'].items():
        data = (trained.folder / name).read_bytes()
        assert file == dict(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())


@needs_graphs
def test_graphs_tell_nothing_of_this_machine(trained):
    for path in trained.folder.glob('*.onnx'):
        assert str(ROOT).encode() not in path.read_bytes()
        assert b'site-packages' not in path.read_bytes()


def test_missing_files(tool, config_file, tmp_path, capsys):
    assert 'config not found: no.py' in refusal(capsys, tool, 'no.py', 'no.pth', '-o', tmp_path)
    message = refusal(capsys, tool, config_file, 'no.pth', '-o', tmp_path)
    assert 'checkpoint not found: no.pth' in message


def test_a_malicious_checkpoint(tool, config_file, tmp_path, capsys):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / 'marker'),)

    torch.save(dict(state_dict={}, extra=Payload()), tmp_path / 'bad.pth')
    message = refusal(capsys, tool, config_file, tmp_path / 'bad.pth', '-o', tmp_path / 'out')
    assert '--unsafe-checkpoint' in message
    assert not (tmp_path / 'marker').exists() and not (tmp_path / 'out').exists()


@needs_graphs
def test_missing_packages(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(command, 'find_spec', lambda name: None)
    message = r"needs onnx and onnxscript and onnxruntime.*'lsnet_mm\[onnx\]'"
    with pytest.raises(ExportError, match=message):
        command.export(trained.config, str(trained.checkpoint), tmp_path / 'out', onnx=True)
    assert not (tmp_path / 'out').exists()


@pytest.mark.skipif(not too_old_for('ONNX export'), reason='this torch writes graphs')
def test_a_torch_that_writes_no_graphs(trained, tmp_path):
    message = r'needs torch 2\.7 or newer, and this is torch .*leave out --onnx'
    with pytest.raises(ExportError, match=message):
        command.export(trained.config, str(trained.checkpoint), tmp_path / 'out', onnx=True)
    assert not (tmp_path / 'out').exists()


def test_a_file_in_the_way(trained, tmp_path):
    (tmp_path / 'out').touch()
    with pytest.raises(ExportError, match='out is a file: -o takes a folder'):
        command.export(trained.config, str(trained.checkpoint), tmp_path / 'out')


@pytest.mark.parametrize(
    'step',
    [
        dict(type='RandomFlip', prob=1.0),
        dict(type='Resize', scale=(64, 64), keep_ratio=True),
        dict(type='LoadImageFromFile', color_type='unchanged'),
    ],
)
def test_a_pipeline_that_no_runner_knows(step):
    with pytest.raises(ExportError, match=f'knows no .*{step["type"]}.*without --onnx'):
        preprocessing(config(segmentor(), 'LoadCTSlice', step))


@pytest.mark.parametrize('options, channels', [({}, 3), (dict(color_type='grayscale'), 1)])
def test_channels_of_image_files(options, channels):
    cfg = config(segmentor(), 'LoadImageFromFile')
    cfg.test_dataloader.dataset.pipeline[0].update(options)
    assert preprocessing(cfg)['channels'] == channels


@pytest.mark.parametrize(
    'step, how',
    [
        (dict(type='ResizeSlice'), 'area'),
        (dict(type='ResizeSlice', interpolation='bilinear'), 'bilinear'),
        (dict(type='Resize'), 'bilinear'),
        (dict(type='mmseg.Resize', keep_ratio=False, interpolation='area'), 'area'),
    ],
)
def test_slices_are_resized_as_the_config_says(step, how):
    cfg = config(segmentor(), 'LoadCTSlice', dict(step, scale=(64, 48)))
    assert preprocessing(cfg)['resize'] == dict(size=(64, 48), interpolation=how)


def test_neighbours_are_channels():
    cfg = config(segmentor(), 'LoadCTSlice')
    cfg.test_dataloader.dataset.pipeline[0].neighbours = 2
    assert preprocessing(cfg) == dict(channels=5, neighbours=2, hu_window=None, resize=None)


def test_what_it_was_trained_on_stays(tool, trained, config_file, tmp_path):
    content = torch.load(trained.checkpoint, weights_only=False)
    content['meta'] = {**content.get('meta', {}), 'trained_on': dict(window=[0.0, 255.0])}
    torch.save(content, tmp_path / 'told.pth')
    tool([config_file, str(tmp_path / 'told.pth'), '-o', str(tmp_path / 'out')])
    kept = torch.load(tmp_path / 'out' / 'model.pth', weights_only=True)['meta']['trained_on']
    about = json.loads((tmp_path / 'out' / 'model.json').read_text())['trained_on']
    assert kept == about == dict(window=[0.0, 255.0])
