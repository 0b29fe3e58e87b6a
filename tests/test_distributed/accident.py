"""What happens to one rank of a training, and what each rank knew when validation began."""

import os
import signal
from pathlib import Path

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.registry import HOOKS


@HOOKS.register_module()
class Accident(Hook):
    """Kills the rank that ``ACCIDENT`` names in the middle of the second epoch."""

    priority = 'LOWEST'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if os.environ.get('ACCIDENT') == str(get_rank()) and (runner.epoch, batch_idx) == (1, 1):
            os.kill(os.getpid(), signal.SIGKILL)

    def before_val_epoch(self, runner):
        torch.save(dict(runner.model.named_buffers()), Path(runner.work_dir) / f'{get_rank()}.seen')
