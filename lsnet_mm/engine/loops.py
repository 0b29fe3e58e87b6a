"""The loops that alternate between a model's phases."""

from collections.abc import Sequence

from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from ..models.utils.compile_nets import compile_nets
from ..registry import LOOPS
from ..utils.mistakes import explain_channels
from .hooks.check_hook import CheckHook

#: Of the paper's alternation, in its order.
PHASES = ('loss_localizer', 'loss_segmentor')


class AlternatingMixin:
    """Alternating optimisation over the phases of a model (paper, 2.5).

    The loop owns the policy: which phases run on a batch, in which order, how often. The model
    owns the mechanics: it gives the losses of a phase under ``mode=<phase>``. One stock
    ``OptimWrapper`` over all parameters serves all phases: gradients are None between them, and
    what a phase does not reach it does not move. So ``--amp``, clipping, schedulers and
    ``paramwise_cfg`` work as in the stock loops. ``compile`` of the config compiles the nets for
    all phases.

    With gradient accumulation over ``k`` batches, the first phase runs over all ``k`` and steps,
    then the next phase runs over the same ``k``.

    Args:
        phases: Modes of the model, in order; repeat one for more steps of it.
        warmup_phases: Phases during the warm-up.
        warmup_epochs: Epochs (iterations in the iteration-based twin) of warm-up.
    """

    def __init__(
        self,
        *args,
        phases: Sequence[str] = PHASES,
        warmup_phases: Sequence[str] = ('loss_localizer',),
        warmup_epochs: int = 0,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.phases = tuple(phases)
        self.warmup_phases = tuple(warmup_phases)
        self.warmup_epochs = warmup_epochs
        self._pending: list[dict] = []

    @property
    def progress(self) -> int:
        """What ``warmup_epochs`` is compared with."""
        return self.epoch

    def group_ends(self) -> bool:
        """Whether no batch may wait for the next one: what waits is in no checkpoint."""
        return self._iter + 1 >= self._max_iters

    def alternate(self, data_batch: dict) -> dict:
        """Runs the phases on a batch, or keeps it until enough of them are there to accumulate.

        Returns:
            dict: The values to log; empty while batches are kept.
        """
        model, optim_wrapper = self.runner.model, self.runner.optim_wrapper
        inner = model.module if is_model_wrapper(model) else model
        if not self._pending:
            self._counts = optim_wrapper._accumulative_counts
        self._pending.append(inner.data_preprocessor(data_batch, True))
        if len(self._pending) < self._counts and not self.group_ends():
            return {}
        # The wrapper counts one stream of batches; every phase is a stream of its own, and the
        # last group of an uneven training is a short one.
        optim_wrapper._accumulative_counts = len(self._pending)
        optim_wrapper._inner_count, optim_wrapper._max_counts = 0, -1
        log: dict = {}
        for phase in self.warmup_phases if self.progress < self.warmup_epochs else self.phases:
            for data in self._pending:
                with optim_wrapper.optim_context(model):
                    losses = model(**data, mode=phase)
                loss, log_vars = inner.parse_losses(losses)
                if loss.requires_grad:
                    optim_wrapper.update_params(loss)
                else:
                    self.count_only(optim_wrapper)
                total = log.get('loss', 0) + log_vars.pop('loss')
                log.update(log_vars, loss=total)
        log['loss'] = log['loss'] / len(self._pending)
        self._pending.clear()
        optim_wrapper._accumulative_counts = self._counts
        return log

    @staticmethod
    def count_only(optim_wrapper) -> None:
        """A batch whose loss reaches nothing, as one without an object does where the segmentor is
        frozen: it counts, and what others of its group have accumulated is stepped."""
        optim_wrapper._inner_count += 1
        groups = optim_wrapper.optimizer.param_groups
        reached = any(p.grad is not None for group in groups for p in group['params'])
        if reached and optim_wrapper.should_update():
            optim_wrapper.step()
            optim_wrapper.zero_grad()

    def run(self):
        """All of the training."""
        # mmengine has compiled ``train_step`` only, which this loop does not call.
        if options := self.runner.cfg.get('compile'):
            compile_nets(self.runner.model, **({} if options is True else options))
        CheckHook().before_run(self.runner)
        try:
            return super().run()
        except RuntimeError as error:
            if said := explain_channels(error):
                raise ValueError(said) from error
            raise

    def run_iter(self, *batch) -> None:
        """One batch. The epoch-based loop gives ``(index, data)``, the other ``(data,)``."""
        *index, data_batch = batch
        idx = index[0] if index else self._iter
        self.runner.call_hook('before_train_iter', batch_idx=idx, data_batch=data_batch)
        outputs = self.alternate(data_batch)
        self.runner.call_hook(
            'after_train_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs
        )
        self._iter += 1


@LOOPS.register_module()
class AlternatingTrainLoop(AlternatingMixin, EpochBasedTrainLoop):
    """Epoch-based alternating optimisation; see :class:`AlternatingMixin`.

    The last group of batches of an epoch is stepped when the epoch ends.
    """

    def group_ends(self) -> bool:
        return (self._iter + 1) % len(self.dataloader) == 0


@LOOPS.register_module()
class AlternatingIterTrainLoop(AlternatingMixin, IterBasedTrainLoop):
    """Iteration-based alternating optimisation; see :class:`AlternatingMixin`.

    With gradient accumulation, let the interval of checkpoints be a multiple of its count.
    """

    @property
    def progress(self) -> int:
        return self.iter
