"""`lsnet-info` speaks wherever it is asked, and names nobody."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HIGHDICOM = 'Metadata-Version: 2.1\nName: highdicom\nVersion: 0.27.0\n'
OURS = """Metadata-Version: 2.1
Name: lsnet_mm
Version: 7.1
Requires-Dist: numpy
Requires-Dist: highdicom>=0.28; extra == 'dicom-seg'
Requires-Dist: no-such-package-at-all; extra == 'other'
Requires-Dist: numpy; extra == 'metrics'
Requires-Dist: pytest; extra == 'test'
Provides-Extra: dicom-seg
Provides-Extra: other
Provides-Extra: metrics
Provides-Extra: test
"""


def info(*options, python=(), path=ROOT):
    line = [sys.executable, *python, path / 'lsnet_info.py', *options]
    env = os.environ | {'PYTHONPATH': str(path)}
    done = subprocess.run([*map(str, line)], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def home(tmp_path):
    """A folder with a package of another version, weights, metadata, and a broken torch."""
    folder = tmp_path / 'JANE_DOE'
    weights = folder / 'lsnet_mm' / 'weights'
    weights.mkdir(parents=True)
    shutil.copy(ROOT / 'lsnet_info.py', folder)
    (folder / 'lsnet_mm' / '__init__.py').write_text('raise ImportError("needs OpenMMLab")\n')
    (folder / 'lsnet_mm' / 'version.py').write_text("__version__ = '7.1'\n")
    (weights / 'a.pth').write_bytes(b'weights')
    (weights / 'a.json').write_text('{"name": "pancreas", "version": 3, "more": []}')
    (weights / 'b.pth').write_bytes(b'')
    (weights / 'b.json').write_text('[')
    (folder / 'torch').mkdir()
    (folder / 'torch' / '__init__.py').write_text(f'raise OSError("{folder}/libcudart.so")\n')
    for name, text in (('highdicom-0.27.0', HIGHDICOM), ('lsnet_mm-7.1', OURS)):
        (folder / f'{name}.dist-info').mkdir()
        (folder / f'{name}.dist-info' / 'METADATA').write_text(text)
    return folder


def test_what_is_here():
    found = json.loads(info('--json'))
    assert found['python'] == platform.python_version() and found['problems'] == []
    assert found['packages']['torch'] == metadata.version('torch')
    assert found['devices'][-1].startswith('cpu (')
    assert found['stack'] in ('forks (onedl-*)', 'originals')
    assert f'torch {metadata.version("torch")}' in info()
    assert platform.node() not in info() + info('--json') or len(platform.node()) < 4


def test_without_anything():
    """-S: no site-packages."""
    found = json.loads(info('--json', python=['-S']))
    assert found['stack'] == 'none' and found['devices'] is found['extras'] is None
    assert 'torch: ModuleNotFoundError' in found['problems'] and found['lsnet_mm']
    assert 'problem: torch: ModuleNotFoundError' in info(python=['-S'])


def test_what_is_broken_too_old_or_missing(home):
    printed = info('--json', path=home)
    found = json.loads(printed)
    assert found['lsnet_mm'] == '7.1' and found['problems'] == ['torch: OSError']
    lacking = {'dicom-seg': ['highdicom>=0.28'], 'other': ['no-such-package-at-all'], 'metrics': []}
    assert found['extras'] == lacking and found['packages']['highdicom'] == '0.27.0'
    one, two = found['weights']
    assert one['sha256'] == hashlib.sha256(b'weights').hexdigest() and one['bytes'] == 7
    assert (one['file'], one['name'], one['version']) == ('a.pth', 'pancreas', 3)
    assert (two['file'], two['name'], two['version']) == ('b.pth', None, None)
    lines = info(path=home).splitlines()
    assert '  dicom-seg: lacks highdicom>=0.28' in lines and '  metrics: complete' in lines
    assert '  a.pth (pancreas 3), 7 bytes' in lines and '  b.pth (no card), 0 bytes' in lines
    assert 'JANE_DOE' not in printed + '\n'.join(lines)
    shutil.rmtree(home / 'lsnet_mm')
    (home / 'lsnet_mm.py').write_text('')  # not even a package
    assert 'lsnet_mm: TypeError' in json.loads(info('--json', path=home))['problems']
