from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ...datasets.training_card import training_card
from ...registry import HOOKS
from ...utils.machine import environment
from .check_hook import leaves


@HOOKS.register_module()
class TrainedOnHook(Hook):
    """Writes what a model was trained on into its checkpoints, as ``meta['trained_on']``.

    That is ``lsnet_mm.datasets.training_card.training_card`` of the training's data, and
    ``environment``, the versions and the commit. It costs seconds when a training starts. A
    training that resumes keeps what its checkpoint says; fine-tuning has data of its own.
    """

    def __init__(self) -> None:
        self._card: dict | None = None

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if runner._resume:
            self._card = checkpoint.get('meta', {}).get('trained_on')

    def before_train(self, runner) -> None:
        if self._card is None and is_main_process():  # which alone saves
            found = leaves(runner.train_dataloader.dataset, 'train_dataloader.dataset')
            device = next(runner.model.parameters()).device
            card = training_card([dataset for _, dataset in found])
            self._card = card | {'environment': environment(device)}

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint['meta']['trained_on'] = self._card
