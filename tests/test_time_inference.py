"""The tool runs, and as many crops are segmented as the label has slices."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from lsnet_mm.phantom import write_prepared
from lsnet_mm.volumes import read_nifti

ROOT = Path(__file__).parents[1]
CONFIG = str(ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py')


@pytest.fixture
def tool(monkeypatch):
    path = ROOT / 'tools' / 'time_inference.py'
    spec = importlib.util.spec_from_file_location('time_inference', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_rates_and_crops(tool, tmp_path, monkeypatch, capsys):
    write_prepared(tmp_path / 'data', n_cases=4, shape=(48, 40, 12), seed=0)
    image = sorted((tmp_path / 'data' / 'imagesTr').glob('*.nii'))[0]
    label = sorted((tmp_path / 'data' / 'labelsTr').glob('*.nii'))[0]
    voxels = read_nifti(label).voxels
    held = int(np.count_nonzero(voxels.any(axis=(0, 1))))

    predictor = tool.build_predictor(CONFIG, read_nifti(label), 5)
    crop, crops = predictor.model.model.roi_extractor.crop, []
    monkeypatch.setattr(
        predictor.model.model.roi_extractor,
        'crop',
        lambda images, rois, **kw: crops.append(len(rois)) or crop(images, rois, **kw),
    )
    predictor.model.rounds = 0
    found = predictor(read_nifti(image))
    assert sum(crops) == held == sum(len(boxes) for boxes in found.boxes) > 0

    arguments = [CONFIG, CONFIG, '--image', image, '--label', label, '--repeats', '1']
    monkeypatch.setattr(sys, 'argv', ['time_inference', *map(str, arguments)])
    tool.main()
    out = capsys.readouterr().out
    assert f'12 slices, {held} with an organ' in out and '1.00x' in out
