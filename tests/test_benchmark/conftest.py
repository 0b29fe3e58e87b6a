import pytest

from lsnet_mm.benchmark import Subject, Switches, phantom_scene


@pytest.fixture(scope='session')
def scene():
    """Ten slices of 64x64, four of them with an organ."""
    return phantom_scene(64, 10, 0.4)


@pytest.fixture
def subject():
    """Builds the system of a config, two slices at a time."""

    def build(config, **switches):
        return Subject.from_config(str(config), Switches(batch_size=2, **switches))

    return build
