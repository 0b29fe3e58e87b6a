import random

import numpy as np
import torch
from mmengine.dist import get_rank
from torch.multiprocessing import set_sharing_strategy

from ..registry import FUNCTIONS


@FUNCTIONS.register_module()
def epoch_worker_init_fn(worker_id: int, **kwargs) -> None:
    """Seed numpy and random of a data worker so that no two epochs augment alike.

    And let it hand its tensors over by name. Linux would use file descriptors, for each of which
    the training process asks the worker and waits: four for a slice, in which it does not train.

    mmengine's own function seeds from (seed, rank, worker) only: workers that are started anew
    each epoch then repeat the same augmentation in every epoch. ``torch.initial_seed()`` is drawn
    anew from the main process's generator each time the loader is iterated, plus the worker's
    number, so it differs per epoch and worker and is reproducible under a seed.

    Use it as ``worker_init_fn=dict(type='epoch_worker_init_fn')`` of a dataloader, with
    ``persistent_workers=False``.

    Args:
        worker_id: Number of the worker; ``torch.initial_seed()`` already counts it in.
        **kwargs: What mmengine passes to its own function (num_workers, rank, seed); not needed.
    """
    set_sharing_strategy('file_system')
    # All ranks share one seed, so their workers would otherwise draw the same numbers.
    seed = (torch.initial_seed() + 1_000_003 * get_rank()) % 2**32
    np.random.seed(seed)
    random.seed(seed)
