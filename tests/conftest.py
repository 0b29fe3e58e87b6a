"""Paths for the tests: they run from the repository's root and share ``tests/helpers.py``."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _as_a_new_process(monkeypatch):
    """In the repository's root, and without what a command of an earlier test has forbidden."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False)


@pytest.fixture(scope='module')
def phantom_folder(tmp_path_factory):
    """A working folder with a small data set in ``data/phantom``, where the configs expect it."""
    from lsnet_mm.experiments.phantom import write_prepared

    folder = tmp_path_factory.mktemp('phantom')
    write_prepared(folder / 'data' / 'phantom', 6, (64, 64, 8))
    return folder
