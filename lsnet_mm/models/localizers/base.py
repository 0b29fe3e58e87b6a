from abc import ABCMeta, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn


class BaseLocalizer(BaseModule, metaclass=ABCMeta):
    """What the two-stage segmentor asks of its first stage.

    Images are (N, C, H, W); samples carry ``gt_instances.bboxes`` in pixels of these images.
    """

    @abstractmethod
    def loss(self, inputs: Tensor, samples: list) -> dict:
        """Losses of the first stage alone."""

    @abstractmethod
    def propose(self, inputs: Tensor, samples: list) -> Tensor:
        """Training RoIs (K, 5), differentiable; none from images without an object."""

    @abstractmethod
    def predict(self, inputs: Tensor, samples: list) -> list[InstanceData]:
        """``bboxes`` (n, 4) and ``scores`` (n,) of each image, in input pixels.

        A localizer with a heatmap leaves it in each sample as ``pred_heatmap`` (1, h, w).
        """

    def loss_and_propose(self, inputs: Tensor, samples: list) -> tuple[dict, Tensor]:
        """Both, for the fused update; override where one forward pass can serve the two."""
        return self.loss(inputs, samples), self.propose(inputs, samples)


@contextmanager
def as_in_inference(net: nn.Module) -> Iterator[None]:
    """Inside, a net normalises and drops as in inference, and leaves its statistics alone.

    Training boxes are those that a test would have, and a batch counts once in the statistics.
    """
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
