import torch
from mmengine.structures import InstanceData, PixelData
from torch import Tensor

from ...registry import MODELS
from ..geometry import mask_to_box
from ..utils.probabilities import foreground_probabilities, mask_head
from .base import BaseLocalizer, as_in_inference, propose_found


@MODELS.register_module()
class CoarseLocalizer(BaseLocalizer):
    """First stage of coarse-to-fine models: a coarse mask, and the box around it.

        images -> segmentor -> coarse mask -> its bounding box

    Zhou et al. (MICCAI 2017), in 2D. No gradient reaches it through the box: a threshold has none.
    The probabilities of :meth:`coarse_masks` have one.

    Args:
        segmentor: Any MMSegmentation segmentor.
        init_cfg: As in mmengine.
    """

    def __init__(self, segmentor: dict, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.segmentor = MODELS.build(segmentor)

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """The segmentor's features."""
        return self.segmentor.extract_feat(inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of the coarse mask (N, C, H, W)."""
        # Not mode='tensor', which a cascade (PointRend) or a query head (Mask2Former) has not.
        metas = [dict(img_shape=tuple(inputs.shape[-2:]))] * len(inputs)
        return self.segmentor.encode_decode(inputs, metas)

    def loss(self, inputs: Tensor, samples: list) -> dict:
        """The segmentor's own, on ``gt_sem_seg`` at its own size."""
        return self.segmentor.loss(inputs, samples)

    def propose(self, inputs: Tensor, samples: list) -> Tensor:
        """The box of each image's coarse mask; the whole image while the mask is empty."""

        def boxes(images: Tensor) -> list[Tensor]:
            return [mask_to_box(mask).to(images) for mask in self.coarse_masks(images)[0]]

        return propose_found(boxes, inputs, samples)

    def predict(self, inputs: Tensor, samples: list) -> list[InstanceData]:
        """One box an image at most, with the highest probability as its score."""
        results = []
        for sample, mask, probs in zip(samples, *self.coarse_masks(inputs), strict=True):
            bboxes = mask_to_box(mask).to(inputs)
            scores = probs.max().expand(len(bboxes))
            labels = torch.zeros(len(bboxes), dtype=torch.long, device=inputs.device)
            results.append(InstanceData(bboxes=bboxes, scores=scores, labels=labels))
            sample.pred_heatmap = PixelData(data=probs[None])
        return results

    def coarse_masks(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Foreground of images (N, C, H, W), with the statistics of inference also in training.

        Returns:
            tuple: Masks (N, H, W), boolean, and probabilities of any foreground (N, H, W).
        """
        with as_in_inference(self.segmentor):
            logits = self(inputs).float()
        probs = foreground_probabilities(logits)[:, 0]
        if logits.size(1) == 1:
            return probs > self.threshold, probs
        return logits.argmax(dim=1) > 0, probs

    @property
    def threshold(self) -> float:
        """Of the head that gives the mask."""
        return mask_head(self.segmentor).threshold
