from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from ..geometry import boxes_to_rois


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


@torch.no_grad()
def propose_found(find: Callable[[Tensor], list[Tensor]], inputs: Tensor, samples: list) -> Tensor:
    """Training RoIs (K, 5): of each image with an object the first box that ``find`` gives.

    The whole image while nothing is found: every image with an object has its RoI.
    """
    height, width = inputs.shape[-2:]
    boxes = [inputs.new_zeros(0, 4) for _ in samples]
    index = [i for i, sample in enumerate(samples) if len(sample.gt_instances)]
    if index:
        for i, found in zip(index, find(inputs[index]), strict=True):
            boxes[i] = found[:1] if len(found) else inputs.new_tensor([[0, 0, width, height]])
    return boxes_to_rois(boxes)


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
