"""What happens to one rank of a training."""

import os
import signal

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
