from mmengine.dist import all_reduce_params
from mmengine.hooks import CheckpointHook, Hook

from ...registry import HOOKS


@HOOKS.register_module()
class SyncStatisticsHook(Hook):
    """Averages BatchNorm's running statistics over the ranks, so that all have one model.

    Before every validation and every checkpoint, whatever the loop, and of the copy of ``EMAHook``
    too: what is saved is what was validated. In a lone process it does nothing.
    """

    priority = 'VERY_HIGH'  # before the hooks that save, and before EMAHook copies statistics

    def after_train_epoch(self, runner) -> None:
        self._average(runner)

    def before_val_epoch(self, runner) -> None:
        self._average(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        # Only rank 0 comes to ``before_save_checkpoint``; all ranks come here.
        if any(_saves_now(hook, runner) for hook in runner.hooks):
            self._average(runner)

    def _average(self, runner) -> None:
        if not runner.distributed:
            return
        copies = [hook.ema_model for hook in runner.hooks if hasattr(hook, 'ema_model')]
        for model in (runner.model, *copies):
            all_reduce_params([b for b in model.buffers() if b.is_floating_point()], op='mean')


def _saves_now(hook: Hook, runner) -> bool:
    """Whether a hook writes a checkpoint after this iteration."""
    if not isinstance(hook, CheckpointHook) or hook.by_epoch:
        return False
    last = hook.save_last and hook.is_last_train_iter(runner)
    return last or hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
