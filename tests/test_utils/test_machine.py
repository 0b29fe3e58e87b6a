"""Memory that is kept, and what a result says of where it comes from."""

import platform
import shutil
import subprocess
import sys

import pytest

from lsnet_mm.utils.files import is_absolute
from lsnet_mm.utils.machine import _git_state, environment

COUNT = """
import resource
import numpy as np
{}
def fill():
    return np.ones(40_000_000, np.uint8)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='another C library')
def test_keep_memory():
    """Freed memory is kept for the next array: pages are asked for once."""

    def faults(first_line):
        return int(subprocess.check_output([sys.executable, '-c', COUNT.format(first_line)]))

    kept = faults('from lsnet_mm.utils.memory import keep_memory; keep_memory()')
    assert 10 * kept < faults('')


def test_is_absolute():
    assert not any(is_absolute(text) for text in ('', 'a/b', 'torchvision://resnet18', 'cpu'))


def test_environment():
    env = environment('cpu')
    libraries = {'lsnet_mm', 'torch', 'mmengine', 'mmseg', 'python'}
    assert set(env) == libraries | {'commit', 'dirty', 'device'} and env['device'] == 'cpu'


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
