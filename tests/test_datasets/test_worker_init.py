"""A seed repeats every sample, with workers or without, and no two epochs are alike."""

import random

import numpy as np
import pytest
import torch
from mmengine.runner import Runner
from torch.utils.data import Dataset

from lsnet_mm.datasets import PancreasCTDataset

PIPELINE = [
    dict(type='LoadCTSlice'),
    dict(type='HUWindow'),
    dict(type='LoadCTMask'),
    dict(type='RandomCTAffine'),
    dict(type='RandomIntensity'),
    dict(type='BoxesFromMask'),
    dict(type='PackLSNetInputs'),
]


class Draws(Dataset):
    """Eight items of what the random generators give."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return np.random.rand(), random.random()


def epochs(dataset, workers, seed, number=2):
    """What some epochs of batches give, the workers started anew in each."""
    loader = Runner.build_dataloader(
        dict(
            dataset=dataset,
            batch_size=1,
            num_workers=workers,
            sampler=dict(type='DefaultSampler', shuffle=False),
            worker_init_fn=dict(type='epoch_worker_init_fn'),
            collate_fn=dict(type='pseudo_collate'),
        )
    )
    np.random.seed(seed)
    torch.manual_seed(seed)
    return [list(loader) for _ in range(number)]


def test_workers_and_epochs_differ_and_a_seed_repeats_them():
    first = epochs(Draws(), 2, seed=3)
    flat = [tuple(float(x[0]) for x in item) for epoch in first for item in epoch]
    assert len(set(flat)) == 16
    assert epochs(Draws(), 2, seed=3) == first
    assert epochs(Draws(), 2, seed=4, number=1) != first[:1]


@pytest.mark.parametrize('workers', [0, 2])
def test_slices(phantom, workers):
    dataset = PancreasCTDataset(phantom, 'val', slices='foreground', pipeline=PIPELINE)
    first, again = (
        [[batch['inputs'][0] for batch in epoch] for epoch in epochs(dataset, workers, seed=0)]
        for _ in range(2)
    )
    for one, other in zip(first, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(first[0][0], first[1][0])
