import random

import numpy as np
import torch
from mmengine.registry import FUNCTIONS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from lsnet_mm.datasets import epoch_worker_init_fn


class Draws(Dataset):
    """Eight items of what the random generators give."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return np.random.rand(), random.random()


def draw(seed: int, epochs: int) -> list:
    loader = Runner.build_dataloader(
        dict(
            dataset=Draws(),
            batch_size=1,
            num_workers=2,
            sampler=dict(type='DefaultSampler', shuffle=False),
            worker_init_fn=dict(type='epoch_worker_init_fn'),
            collate_fn=dict(type='default_collate'),
        )
    )
    torch.manual_seed(seed)
    return [[tuple(float(x) for x in item) for item in loader] for _ in range(epochs)]


def test_registered():
    assert FUNCTIONS.get('epoch_worker_init_fn') is epoch_worker_init_fn


def test_workers_and_epochs_differ_and_a_seed_repeats_them():
    first = draw(seed=3, epochs=2)
    assert len({item for epoch in first for item in epoch}) == 16
    assert draw(seed=3, epochs=2) == first
    assert draw(seed=4, epochs=1) != first[:1]
