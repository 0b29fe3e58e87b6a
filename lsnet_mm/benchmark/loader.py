"""How fast the training data come, without anything to wait for them."""

import copy
from itertools import islice
from pathlib import Path
from time import perf_counter

import cv2
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from .subject import Subject


def slices_per_second(loader: DataLoader, batches: int) -> float:
    """Of a loader that nothing waits for but this; starting the workers is not counted.

    Raises:
        ValueError: If the epoch has one batch only.
    """
    stream = iter(loader)
    next(stream)
    start, count = perf_counter(), 0
    for batch in islice(stream, batches):
        count += len(batch['inputs'])
    if not count:
        raise ValueError('the epoch has one batch only; lower the batch size')
    return count / (perf_counter() - start)


def missing_data(subject: Subject) -> str | None:
    """Why a system's loader cannot be timed; None if it can."""
    if subject.peer:
        return "the baseline's"
    root = subject.cfg.train_dataloader.dataset.get('data_root')
    if root and not Path(root).exists():
        return f'no data in {root}' if not Path(root).is_absolute() else 'no data'
    return None


def build_loader(subject: Subject, workers: int) -> DataLoader:
    """The system's own training data, by so many processes."""
    cv2.setNumThreads(0)
    cfg = copy.deepcopy(subject.cfg.train_dataloader)
    cfg.update(num_workers=workers, batch_size=subject.switches.batch_size)
    return Runner.build_dataloader(cfg, seed=0)
