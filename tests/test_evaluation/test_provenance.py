import shutil
import subprocess

import pytest
import torch

from lsnet_mm.evaluation.provenance import _git_state, config_sha256, environment, is_absolute

CONFIG = {'model': {'type': 'LSNet', 'size': (320, 320)}, 'randomness': {'seed': 0}}


def test_hash_forgets_where_and_how_a_run_was_started():
    local = {
        'model': {'type': 'LSNet', 'size': [320, 320]},
        'randomness': {'seed': 7},
        'work_dir': 'x',
        'resume': True,
    }
    assert config_sha256(local) == config_sha256(CONFIG)
    assert config_sha256({'a': '/one/x'}) == config_sha256({'a': 'C:\\two'})


def test_hash_knows_what_a_run_computes():
    assert config_sha256({**CONFIG, 'lr': 0.1}) != config_sha256(CONFIG)
    assert config_sha256({'a': torch.nn.ReLU}) != config_sha256({'a': torch.nn.GELU})
    assert config_sha256({'seed': {'type': 'SeedHook'}}) != config_sha256({'seed': 0})
    assert config_sha256({'a': 'x/y'}) != config_sha256({'a': ''})


def test_hash_refuses_what_has_no_lasting_form():
    with pytest.raises(TypeError, match='cannot hash a config'):
        config_sha256({'a': object()})


def test_is_absolute():
    assert not any(is_absolute(text) for text in ('', 'a/b', 'torchvision://resnet18', 'cpu'))


def test_environment():
    env = environment('cpu')
    assert set(env) == {
        'lsnet_mm',
        'commit',
        'dirty',
        'torch',
        'mmengine',
        'mmseg',
        'python',
        'device',
    }
    assert env['device'] == 'cpu'


@pytest.mark.skipif(shutil.which('git') is None, reason='needs git')
def test_git_state(tmp_path):
    def git(*args):
        subprocess.run(['git', '-C', tmp_path, *args], check=True, capture_output=True)

    file = tmp_path / '__init__.py'
    file.write_text('')
    assert _git_state(file) == (None, None)
    git('init')
    assert _git_state(file) == (None, None)
    git('add', '.')
    git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-m', 'x')
    commit, dirty = _git_state(file)
    assert len(commit) == 40
    assert dirty is False
    file.write_text('1')
    assert _git_state(file) == (commit, True)
