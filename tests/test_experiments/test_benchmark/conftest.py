import pytest

from lsnet_mm.datasets import BoxesFromMask
from lsnet_mm.experiments.benchmark import scene as module
from lsnet_mm.experiments.benchmark.system import Switches, System


@pytest.fixture(scope='session')
def scene():
    """Ten slices of 64x64, four of them with an organ in one piece; crumbs are none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, 'BOXES', BoxesFromMask(min_area=250, merge_distance=80))
        yield module.phantom_scene(64, 10, 0.4)


@pytest.fixture
def build_system():
    """Builds the system of a config, two slices at a time."""

    def build(config, **switches):
        return System.from_config(config, Switches(batch_size=2, **switches))

    return build
