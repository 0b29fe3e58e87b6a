import shutil

import pytest
from downloads import Download, prepare_download

from lsnet_mm.experiments.phantom import write_download

SHAPE = (64, 64, 24)  # deep enough for shifts of ten slices


@pytest.fixture(scope='session')
def pristine(tmp_path_factory):
    return write_download(tmp_path_factory.mktemp('tcia') / 'download', 2, SHAPE)


@pytest.fixture(scope='session')
def prepared(pristine, tmp_path_factory):
    """Both cases, prepared undisturbed."""
    out = tmp_path_factory.mktemp('tcia') / 'prepared'
    assert prepare_download(pristine, out) == 0
    return out


@pytest.fixture
def download(pristine, tmp_path):
    """A copy to damage."""
    return Download(shutil.copytree(pristine, tmp_path / 'download'))
