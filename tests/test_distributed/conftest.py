import pytest
import torch
from launch import torchrun


@pytest.fixture(scope='package')
def ranks(tmp_path_factory):
    """What two processes found out, see rank.py."""
    out = tmp_path_factory.mktemp('ranks')
    torchrun('rank.py', out)
    return [torch.load(out / f'rank{n}.pth') for n in range(2)]
