"""A phantom study as DICOM, and a model whose mask of it is known."""

import sys
from types import ModuleType

import numpy as np
import pytest
from mmengine.runner import CheckpointLoader
from threshold_segmentor import write_model

from lsnet_mm.apis.command import main
from lsnet_mm.experiments.phantom import write_download

SHAPE = (40, 32, 10)


@pytest.fixture(scope='session')
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(autouse=True)
def _undo_the_refusal_of_checkpoints(monkeypatch):
    """The command forbids unsafe checkpoints for its whole process, which is that of all tests."""
    monkeypatch.setattr(CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy())
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')


@pytest.fixture
def study(tmp_path):
    """Folder of the DICOM series of one phantom."""
    return write_download(tmp_path / 'download', 1, SHAPE, withdrawn=False)


@pytest.fixture
def segment(model, tmp_path, capsys):
    """Run the command into ``tmp_path / 'out'``: exit code, output, errors, and that folder."""

    def run(*studies, options=(), model=model):
        out = tmp_path / 'out'
        arguments = [*studies, '-m', *model, '-o', out, '--device', 'cpu', *options]
        code = main([str(a) for a in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err, out

    return run


@pytest.fixture
def pictures(monkeypatch):
    """Stands in for the pictures, and keeps what they were drawn from."""
    calls = {}

    def montage(volume, mask, boxes, window):
        calls['montage'] = (volume, mask, boxes, window)
        return b'\x89PNG'

    def page(volume, mask, boxes, spacing, **options):
        calls['page'] = (volume, mask, boxes, spacing)
        calls['options'] = options
        return np.array_str(np.array(spacing)).encode()

    module = ModuleType('study')
    module.study_montage, module.study_page = montage, page
    monkeypatch.setitem(sys.modules, 'lsnet_mm.visualization.study', module)
    return calls
