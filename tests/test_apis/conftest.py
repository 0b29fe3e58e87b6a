import pytest
from threshold_segmentor import write_model


@pytest.fixture(scope='session')
def model(tmp_path_factory):
    """Config and checkpoint of a segmentor that thresholds HU."""
    return write_model(tmp_path_factory.mktemp('model'))
