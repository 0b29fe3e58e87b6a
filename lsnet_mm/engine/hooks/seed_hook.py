import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from ...registry import HOOKS


@HOOKS.register_module()
class SeedHook(Hook):
    """Seeds every generator from (seed, epoch, rank), so that a resumed run repeats itself.

    mmengine saves no generator's state. With this hook, and with
    ``worker_init_fn=dict(type='epoch_worker_init_fn')`` and ``persistent_workers=False`` in the
    dataloader, training that was stopped and resumed gives the same weights bit for bit on a CPU.

    Args:
        by_epoch: Seed before each epoch. False seeds around each iteration, for iteration-based
            training (with ``num_workers=0``: workers run ahead of the loop).
    """

    priority = 'VERY_HIGH'

    def __init__(self, by_epoch: bool = True) -> None:
        self.by_epoch = by_epoch

    def before_train_epoch(self, runner) -> None:
        seed_all(runner.seed, runner.epoch if self.by_epoch else runner.iter)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        if not self.by_epoch:  # whatever loading the batch, or a validation, has drawn
            seed_all(runner.seed, runner.iter)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if not self.by_epoch:  # for loading the next batch
            seed_all(runner.seed, runner.iter + 1)


def seed_all(seed: int, step: int) -> None:
    """Seeds Python, NumPy and PyTorch; ranks differ, near steps have unrelated streams."""
    sequence = np.random.SeedSequence((seed or 0, step, get_rank()))
    state = int(sequence.generate_state(1)[0])
    random.seed(state)
    np.random.seed(state)
    torch.manual_seed(state)
