import torch
from mmengine.logging import MessageHub
from torch import Tensor

from ...registry import TASK_UTILS


@TASK_UTILS.register_module()
class RoIMixing:
    """Replaces some training RoIs by jittered ground-truth boxes.

    Early in training L-Net's boxes miss the object, and S-Net learns from background; a share of
    good boxes lets both nets learn at once. The paper does without.

    Args:
        ratio: Probability that an image's RoI is replaced.
        final_ratio: The same at the end of training; in between it changes linearly. None keeps
            ``ratio``.
        shift: A box's centre moves by up to this part of its size.
        scale: Its size changes by a factor of up to ``1 + scale``, up or down.
    """

    def __init__(
        self,
        ratio: float = 0.5,
        final_ratio: float | None = None,
        shift: float = 0.15,
        scale: float = 0.25,
    ) -> None:
        self.ratio = ratio
        self.final_ratio = ratio if final_ratio is None else final_ratio
        self.shift = shift
        self.scale = scale

    def current_ratio(self) -> float:
        """The share at this point of training, which mmengine's runner publishes."""
        hub = MessageHub.get_current_instance()
        done = hub.get_info('iter', 0) / max(hub.get_info('max_iters', 1), 1)
        return self.ratio + (self.final_ratio - self.ratio) * min(done, 1.0)

    def jitter(self, boxes: Tensor) -> Tensor:
        """(n, 4) boxes, moved and scaled at random."""
        center, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        noise = torch.rand(2, len(boxes), 2).to(boxes) * 2 - 1
        center = center + noise[0] * self.shift * size
        size = size * (1 + self.scale) ** noise[1]
        return torch.cat((center - size / 2, center + size / 2), dim=1)

    def __call__(self, rois: Tensor, gt_boxes: list[Tensor]) -> Tensor:
        """Mixes the RoIs of a batch.

        Args:
            rois: (K, 5).
            gt_boxes: The (n_i, 4) objects of each image, in the RoIs' pixels.

        Returns:
            Tensor: (K, 5); gradients reach the RoIs that were kept.
        """
        owners = [gt_boxes[int(i)] for i in rois[:, 0]]
        if not owners:
            return rois
        picked = torch.stack([b[torch.randint(len(b), ())] for b in owners]).to(rois)
        replaced = torch.rand(len(rois), 1).to(rois) < self.current_ratio()
        if replaced.all():
            rois = rois.detach()  # no gradient, rather than a zero one that momentum acts on
        boxes = torch.where(replaced, self.jitter(picked), rois[:, 1:])
        return torch.cat((rois[:, :1], boxes), dim=1)
