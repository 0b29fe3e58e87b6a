import pytest


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder: the paths of runs are relative to it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
