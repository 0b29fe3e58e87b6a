import copy

import torch
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from torch import nn

import lsnet_mm.models  # noqa: F401  registers

from ..engine.loops.alternating_loop import PHASES

# Without weight decay: what has no gradient does not move.
OPTIM_WRAPPER = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4))


class Trial:
    """A model that trains steps and predicts on one batch.

    Args:
        model: The config of an ``LSNet``.
        batch: Of a data loader.
        device: Where to run it.
    """

    def __init__(self, model: dict, batch: dict, device: str = 'cpu') -> None:
        init_default_scope('mmseg')
        torch.manual_seed(0)
        model = MODELS.build(model)
        model.init_weights()
        # As MMSegmentation's tools do on a CPU; defaults of its classes are SyncBN, too.
        self.model: nn.Module = revert_sync_batchnorm(model).to(device)
        self.optim_wrapper = build_optim_wrapper(self.model, copy.deepcopy(OPTIM_WRAPPER))
        self.batch = batch

    def step(self) -> dict[str, dict[str, float]]:
        """One step of the alternation, as ``AlternatingTrainLoop`` makes it.

        Returns:
            dict: The losses of each phase.
        """
        self.model.train()
        logs = {}
        for phase in PHASES:
            with self.optim_wrapper.optim_context(self.model):
                losses = self.model(**self._data(training=True), mode=phase)
            loss, log = self.model.parse_losses(losses)
            self.optim_wrapper.update_params(loss)
            logs[phase] = {key: float(value) for key, value in log.items()}
        return logs

    @torch.no_grad()
    def predict(self) -> list:
        """The samples of the batch with masks, boxes and heatmaps."""
        self.model.eval()
        return self.model(**self._data(training=False), mode='predict')

    def _data(self, training: bool) -> dict:
        return self.model.data_preprocessor(copy.deepcopy(self.batch), training)
