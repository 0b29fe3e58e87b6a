import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lsnet_mm.experiments.phantom import write_prepared


@pytest.fixture(scope='session')
def phantom(tmp_path_factory) -> Path:
    """Four small phantom cases in the prepared layout; not to be written to."""
    return write_prepared(tmp_path_factory.mktemp('data') / 'phantom', 4, (48, 40, 12), seed=1)


@pytest.fixture
def prepared(phantom, tmp_path) -> Path:
    """A copy of the phantom set that a test may spoil."""
    return Path(shutil.copytree(phantom, tmp_path / 'prepared'))


@pytest.fixture
def slice_root(tmp_path) -> Path:
    """A slice folder with two training and one validation slice, 20 rows by 30 columns."""
    rng = np.random.default_rng(0)
    for name in ('train/{}/P_01_007', 'train/{}/P_01_012', 'val/{}/P_02_003'):
        mask = np.zeros((20, 30), np.uint8)
        mask[5:9, 10:16] = 1
        for kind, array in (
            ('images', rng.integers(0, 255, (20, 30)).astype(np.uint8)),
            ('masks', mask),
        ):
            path = tmp_path / 'slices' / f'{name.format(kind)}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path)
    return tmp_path / 'slices'
