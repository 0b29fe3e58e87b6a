import shutil
import subprocess

import pytest

from lsnet_mm.utils.files import is_absolute
from lsnet_mm.utils.machine import _git_state, environment


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

    package, results, other = (tmp_path / name for name in ('package', 'results', 'other'))
    for folder in (package, results, other):
        folder.mkdir()
        (folder / '__init__.py').write_text('')
    file = package / '__init__.py'
    assert _git_state(file) == (None, None)
    git('init')
    assert _git_state(file) == (None, None)
    git('add', '.')
    git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-m', 'x')
    commit, dirty = _git_state(file)
    assert len(commit) == 40
    assert dirty is False
    (results / '__init__.py').write_text('a table written anew')
    (other / 'untracked.py').write_text('')
    assert _git_state(file) == (commit, False)
    for changed in (file, other / '__init__.py'):
        changed.write_text('1')
        assert _git_state(file) == (commit, True)
        git('checkout', changed)
