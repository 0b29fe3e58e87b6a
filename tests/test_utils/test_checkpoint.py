"""Checkpoints: the honest ones load, the others are refused before anything in them runs."""

import collections
import os
import pickle
import subprocess
import sys
import zipfile

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


class Call:
    """Calls a function when unpickled, if the loader lets it."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.fixture
def marker(tmp_path):
    """A folder that a bad checkpoint would make; it never does."""
    yield tmp_path / 'marker'
    assert not (tmp_path / 'marker').exists()


@pytest.fixture
def bad(tmp_path, marker):
    """The path of such a checkpoint."""
    return save(dict(state_dict={}, meta={}, extra=Call(os.mkdir, str(marker))), tmp_path)


@pytest.fixture
def refusing(monkeypatch):
    """`refuse_unsafe_checkpoints`, undone after the test."""
    monkeypatch.setattr(CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy())
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    refuse_unsafe_checkpoints()


def save(obj, tmp_path):
    torch.save(obj, tmp_path / 'checkpoint.pth')
    return tmp_path / 'checkpoint.pth'


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
    assert isinstance(history, HistoryBuffer) and history.statistics('max') == 4.0
    assert checkpoint['meta']['best_score'] == 0.25
    assert checkpoint['meta']['counts'].tolist() == [0, 1, 2]
    assert torch.equal(checkpoint['state_dict']['weight'], torch.ones(2, 2))


@pytest.mark.parametrize('legacy', [False, True], ids=['torch.save', 'bare pickle'])
def test_refused_with_the_culprit_and_without_torchs_way_around(bad, marker, legacy):
    if legacy:
        bad.write_bytes(pickle.dumps(dict(extra=Call(os.mkdir, str(marker))), protocol=2))
    with pytest.raises(UnsafeCheckpointError, match='checkpoint.pth') as caught:
        safe_torch_load(bad)
    assert 'mkdir' in str(caught.value) and '--unsafe-checkpoint' in str(caught.value)
    assert 'weights_only' not in str(caught.value)


@pytest.mark.parametrize(
    'args', [(HistoryBuffer, '__init__'), (torch.nn.Parameter, 'data'), (np.ndarray, 'dump')]
)
def test_getattr_reaches_nothing_but_history_methods(tmp_path, args):
    with pytest.raises(UnsafeCheckpointError):
        safe_torch_load(save(Call(getattr, *args), tmp_path))


@pytest.mark.parametrize('protocol', [2, 4, 5])
@pytest.mark.parametrize(
    'call',
    [
        (eval, '1'),
        (torch.hub.load, 'a', 'b'),
        (torch.load, 'a'),
        (np.load, 'a'),
        (np.lib.format.open_memmap, 'a'),
        (HistoryBuffer.mean, 'a'),
    ],
)
def test_nothing_else_is_named(tmp_path, call, protocol):
    """In either form of a file, by whatever protocol, in a container or in an object's state."""
    history = HistoryBuffer([1.0], [1])
    history.more = Call(*call)
    path = tmp_path / 'checkpoint.pth'
    for content in ([{0: Call(*call)}], history):
        for save in (torch.save, write_pickle):
            save(content, path, pickle_protocol=protocol)
            with pytest.raises(UnsafeCheckpointError):
                safe_torch_load(path)


def write_pickle(content, path, pickle_protocol):
    path.write_bytes(pickle.dumps(content, pickle_protocol))


def test_no_class_is_changed(tmp_path):
    """An object's state may be set, that of a class is all its objects'."""
    path, mean = tmp_path / 'checkpoint.pth', HistoryBuffer.mean
    state = pickle.PROTO + b'\x02' + b'cmmengine.logging.history_buffer\nHistoryBuffer\n'
    state += b'(N}X\x04\x00\x00\x00meanK\x01stb.'  # HistoryBuffer.mean = 1
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('archive/data.pkl', state)
        archive.writestr('archive/version', '3\n')
    with pytest.raises(UnsafeCheckpointError):
        safe_torch_load(path)
    assert HistoryBuffer.mean is mean


def test_files_of_other_kinds_and_damaged_ones_are_refused_by_name(tmp_path):
    script = tmp_path / 'script.pth'
    torch.jit.script(torch.nn.Linear(2, 2)).save(script)
    with pytest.raises(UnsafeCheckpointError, match='script.pth'):
        safe_torch_load(script)
    path = save(training_checkpoint(), tmp_path)
    whole = path.read_bytes()
    for part in (0, 0.02, 0.3, 0.9):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(UnsafeCheckpointError, match='checkpoint.pth.*damaged'):
            safe_torch_load(path)


def test_a_url_is_refused_too(bad, tmp_path, refusing, monkeypatch):
    """torch takes a file that is in its cache and asks the network nothing."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path))
    cached = tmp_path / 'hub' / 'checkpoints' / 'weights.pth'
    cached.parent.mkdir(parents=True)
    bad.rename(cached)
    with pytest.raises(UnsafeCheckpointError, match='--unsafe-checkpoint'):
        CheckpointLoader.load_checkpoint('https://localhost/weights.pth', map_location='cpu')
    torch.save(training_checkpoint(), cached)
    loaded = CheckpointLoader.load_checkpoint('https://localhost/weights.pth', map_location='cpu')
    assert loaded['meta']['epoch'] == 3


def by_loader(path, tmp_path):
    """mmengine alone would fall back to an unsafe load."""
    CheckpointLoader.load_checkpoint(path, map_location='cpu')


def by_load_from(path, tmp_path):
    runner(tmp_path, load_from=path).load_or_resume()


def by_resuming(path, tmp_path):
    runner(tmp_path, load_from=path, resume=True).load_or_resume()


def by_init_cfg(path, tmp_path):
    init_cfg = dict(type='Pretrained', checkpoint=path)
    MODELS.build(segmentor() | dict(init_cfg=init_cfg)).init_weights()


def by_init_model(path, tmp_path):
    init_model(Config(dict(model=segmentor())), path, device='cpu')


def runner(tmp_path, **kwargs):
    scope = dict(default_scope='mmseg', experiment_name=f'{tmp_path.name}{len(kwargs)}')
    return Runner(segmentor(), str(tmp_path / 'work'), **scope, **kwargs)


@pytest.mark.parametrize('way', [by_loader, by_load_from, by_resuming, by_init_cfg, by_init_model])
def test_no_way_into_mmengine_runs_a_checkpoint(bad, tmp_path, refusing, way):
    with pytest.raises(UnsafeCheckpointError):
        way(str(bad), tmp_path)
    with pytest.raises(FileNotFoundError, match='none.pth'):
        way(str(tmp_path / 'none.pth'), tmp_path)


def test_refusal_reaches_children(refusing):
    code = 'import os; print(os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"])'
    assert subprocess.check_output([sys.executable, '-c', code], text=True).strip() == '1'
