import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch.utils.data import DataLoader

from lsnet_mm.datasets import PancreasCTDataset, epoch_worker_init_fn

PIPELINE = [
    dict(type='LoadCTSlice'),
    dict(type='HUWindow'),
    dict(type='LoadCTMask'),
    dict(type='RandomCTAffine'),
    dict(type='RandomIntensity'),
    dict(type='BoxesFromMask'),
    dict(type='PackLSNetInputs'),
]


def epochs(root, workers: int) -> list[list[torch.Tensor]]:
    dataset = PancreasCTDataset(root, 'val', slices='foreground', pipeline=PIPELINE)
    loader = DataLoader(
        dataset, 2, num_workers=workers, collate_fn=pseudo_collate,
        worker_init_fn=epoch_worker_init_fn,
    )  # fmt: skip
    np.random.seed(0)
    torch.manual_seed(0)
    return [[image for batch in loader for image in batch['inputs']] for _ in range(2)]


@pytest.mark.parametrize('workers', [0, 2])
def test_a_seed_repeats_every_slice_and_epochs_differ(phantom, workers):
    first, again = epochs(phantom, workers), epochs(phantom, workers)
    for one, other in zip(first, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(first[0][0], first[1][0])
