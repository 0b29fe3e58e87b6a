from abc import ABCMeta, abstractmethod

from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor


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
