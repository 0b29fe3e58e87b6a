from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import nn

from ...registry import HOOKS


@HOOKS.register_module()
class FreezeHook(Hook):
    """Keeps parts of a model as they are: no gradient, and the statistics of inference.

    A phase that trains nothing else must be left out of the loop's ``phases``:
    ``modules=('localizer',)`` goes with ``phases=('loss_segmentor',)``.

    Args:
        modules: Their names in the model, such as ``'localizer'`` or ``'segmentor.backbone'``.

    Raises:
        ValueError: If the model has no such part.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self.modules = tuple(modules)

    def before_train(self, runner) -> None:
        for module in self._frozen(runner):
            module.requires_grad_(False)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        # Anew each time: every epoch, and every validation between iterations, calls ``train()``.
        for module in self._frozen(runner):
            module.eval()

    def _frozen(self, runner) -> list[nn.Module]:
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        try:
            return [model.get_submodule(name) for name in self.modules]
        except AttributeError as error:
            parts = ', '.join(name for name, _ in model.named_children())
            raise ValueError(f'FreezeHook: {error}. The model has: {parts}.') from error
