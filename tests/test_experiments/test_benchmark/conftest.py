from pathlib import Path

import pytest

from lsnet_mm.apis.model import read_model_config
from lsnet_mm.experiments.benchmark.scene import phantom_scene
from lsnet_mm.experiments.benchmark.system import System
from lsnet_mm.utils.versions import too_old_for


@pytest.fixture(scope='session', autouse=True)
def _new_torch():
    if reason := too_old_for('The benchmark'):
        pytest.skip(reason)


@pytest.fixture(scope='session')
def scene():
    """Ten slices of 64x64, four of them with an organ."""
    return phantom_scene(64, 10, 0.4)


@pytest.fixture
def build_system(scene):
    """Builds the system of a config, below ``configs/``, two slices at a time."""

    def build(config, scene=scene, rounds=None, **options):
        cfg = read_model_config(Path('configs', f'{config}.py'))
        if rounds is not None:
            cfg.model.test_cfg.rounds = rounds
        return System(Path(config).stem, cfg, scene, batch_size=2, **options)

    return build
