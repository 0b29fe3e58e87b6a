"""Checkpoints: the honest ones load, the others are refused before anything in them runs."""

import collections
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from helpers import segmentor
from mmengine.config import Config
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.registry import MODELS
from mmengine.runner import CheckpointLoader, Runner
from mmseg.apis import init_model

from lsnet_mm.utils import UnsafeCheckpointError, refuse_unsafe_checkpoints, safe_torch_load


class Payload:
    """Creates a file when unpickled, if the loader lets it."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


class Getattr:
    """Asks for an attribute when unpickled, as mmengine's histories do."""

    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return getattr, self.args


@pytest.fixture
def refusing(monkeypatch):
    """`refuse_unsafe_checkpoints`, undone after the test."""
    monkeypatch.setattr(CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy())
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    refuse_unsafe_checkpoints()


def save(obj, tmp_path):
    path = tmp_path / 'checkpoint.pth'
    torch.save(obj, path)
    return path


def training_checkpoint():
    hub = MessageHub('test_checkpoint')
    for value in (1.0, 2.0, 4.0):
        hub.update_scalar('train/loss', value)
    hub.update_info('best', np.float64(0.5))
    return dict(
        meta=dict(epoch=3, best_score=np.float32(0.25), counts=np.arange(3)),
        state_dict=collections.OrderedDict(weight=torch.ones(2, 2)),
        message_hub=hub.state_dict(),
    )


def test_training_checkpoint_loads(tmp_path):
    checkpoint = safe_torch_load(save(training_checkpoint(), tmp_path))
    history = checkpoint['message_hub']['log_scalars']['train/loss']
    assert isinstance(history, HistoryBuffer)
    assert history.statistics('max') == 4.0
    assert checkpoint['meta']['best_score'] == 0.25
    assert checkpoint['meta']['counts'].tolist() == [0, 1, 2]
    assert torch.equal(checkpoint['state_dict']['weight'], torch.ones(2, 2))


@pytest.mark.parametrize('legacy', [False, True], ids=['torch.save', 'bare pickle'])
def test_malicious_checkpoint_is_refused_and_not_run(tmp_path, legacy):
    marker = tmp_path / 'marker'
    path = tmp_path / 'bad.pth'
    bad = dict(state_dict={}, extra=Payload(marker))
    if legacy:
        path.write_bytes(pickle.dumps(bad, protocol=2))
    else:
        torch.save(bad, path)
    with pytest.raises(UnsafeCheckpointError, match='Nothing in it was run'):
        safe_torch_load(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    'args', [(HistoryBuffer, '__init__'), (torch.nn.Parameter, 'data'), (np.ndarray, 'dump')]
)
def test_getattr_reaches_nothing_but_history_methods(tmp_path, args):
    with pytest.raises(UnsafeCheckpointError):
        safe_torch_load(save(Getattr(*args), tmp_path))


def test_message_names_the_culprit_and_not_torchs_way_around(tmp_path):
    with pytest.raises(UnsafeCheckpointError) as caught:
        safe_torch_load(save(Payload(tmp_path / 'marker'), tmp_path))
    message = str(caught.value)
    assert 'mkdir' in message
    assert 'weights_only' not in message


def test_damaged_checkpoint(tmp_path):
    path = tmp_path / 'empty.pth'
    path.touch()
    with pytest.raises(UnsafeCheckpointError, match='damaged'):
        safe_torch_load(path)


def test_mmengine_refuses_too(tmp_path, refusing):
    """mmengine alone would fall back to an unsafe load."""
    marker = tmp_path / 'marker'
    path = save(Payload(marker), tmp_path)
    with pytest.raises(UnsafeCheckpointError):
        CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
    assert not marker.exists()
    with pytest.raises(FileNotFoundError, match='checkpoint not found'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'none.pth'))


def test_a_url_is_refused_too(tmp_path, refusing, monkeypatch):
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    cache = tmp_path / 'hub' / 'checkpoints'
    cache.mkdir(parents=True)
    marker = tmp_path / 'marker'
    # torch takes a file that is in its cache and asks the network nothing.
    torch.save(Payload(marker), cache / 'weights.pth')
    with pytest.raises(UnsafeCheckpointError, match='--unsafe-checkpoint'):
        CheckpointLoader.load_checkpoint('https://localhost/weights.pth', map_location='cpu')
    assert not marker.exists()
    torch.save(training_checkpoint(), cache / 'weights.pth')
    loaded = CheckpointLoader.load_checkpoint('https://localhost/weights.pth', map_location='cpu')
    assert loaded['meta']['epoch'] == 3


def load_from(path, tmp_path):
    runner(tmp_path, load_from=path).load_or_resume()


def resume(path, tmp_path):
    runner(tmp_path, load_from=path, resume=True).load_or_resume()


def pretrained(path, tmp_path):
    init_cfg = dict(type='Pretrained', checkpoint=path)
    MODELS.build(segmentor() | dict(init_cfg=init_cfg)).init_weights()


def by_init_model(path, tmp_path):
    init_model(Config(dict(model=segmentor())), path, device='cpu')


def runner(tmp_path, **kwargs):
    scope = dict(default_scope='mmseg', experiment_name=f'{tmp_path.name}{len(kwargs)}')
    return Runner(segmentor(), str(tmp_path / 'work'), **scope, **kwargs)


@pytest.mark.parametrize('way', [load_from, resume, pretrained, by_init_model])
def test_no_way_into_mmengine_runs_a_checkpoint(tmp_path, refusing, way):
    marker = tmp_path / 'marker'
    path = save(dict(state_dict={}, meta={}, extra=Payload(marker)), tmp_path)
    with pytest.raises(UnsafeCheckpointError):
        way(str(path), tmp_path)
    assert not marker.exists()


def test_torchscript_and_truncated_files_are_refused_by_name(tmp_path):
    script = tmp_path / 'script.pth'
    torch.jit.script(torch.nn.Linear(2, 2)).save(script)
    with pytest.raises(UnsafeCheckpointError, match='script.pth does not load safely'):
        safe_torch_load(script)
    path = save(training_checkpoint(), tmp_path)
    whole = path.read_bytes()
    for part in (0.02, 0.3, 0.9):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(UnsafeCheckpointError, match='damaged'):
            safe_torch_load(path)


def test_refusal_reaches_children(refusing):
    code = 'import os; print(os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"])'
    assert subprocess.check_output([sys.executable, '-c', code], text=True).strip() == '1'
