"""How many runs at once, and with what each: a share of the cores, or a GPU."""

import os

import torch


def make_slots(jobs: int | None = None) -> list[dict[str, str]]:
    """The environment of the processes in each slot.

    Args:
        jobs: Runs at once; by default one a GPU, or one where there is none. More runs than GPUs
            share these in turn.

    Raises:
        ValueError: If ``jobs`` is not positive.
    """
    gpus = _gpus()
    count = jobs if jobs is not None else max(len(gpus), 1)
    if count < 1:
        raise ValueError(f'--jobs must be at least 1, got {count}.')
    shared = {'OMP_NUM_THREADS': str(max((os.cpu_count() or 1) // count, 1))}
    own = [{'CUDA_VISIBLE_DEVICES': gpus[i % len(gpus)]} if gpus else {} for i in range(count)]
    return [{**shared, **os.environ, **gpu} for gpu in own]


def _gpus() -> list[str]:
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    names = visible.split(',') if visible else map(str, range(torch.cuda.device_count()))
    return list(names) if torch.cuda.is_available() else []
