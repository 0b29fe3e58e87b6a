import torch
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn

from ...registry import MODELS
from ..geometry import boxes_to_rois, mask_to_box
from ..utils.probabilities import foreground_probabilities
from .base import BaseLocalizer, as_in_inference


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

    @torch.no_grad()
    def propose(self, inputs: Tensor, samples: list) -> Tensor:
        """The box of each image's coarse mask, as at test time.

        The whole image where the mask is still empty: every image with an object has its RoI.
        """
        height, width = inputs.shape[-2:]
        whole = inputs.new_tensor([[0, 0, width, height]])
        boxes = [inputs.new_zeros(0, 4) for _ in samples]
        index = [i for i, sample in enumerate(samples) if len(sample.gt_instances)]
        if index:
            masks, _ = self.coarse_masks(inputs[index])
            for i, mask in zip(index, masks, strict=True):
                box = mask_to_box(mask).to(inputs)
                boxes[i] = box if len(box) else whole
        return boxes_to_rois(boxes)

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
        probs = self.foreground(logits)
        if logits.size(1) == 1:
            return probs > self.threshold, probs
        return logits.argmax(dim=1) > 0, probs

    @staticmethod
    def foreground(logits: Tensor) -> Tensor:
        """Probabilities of any foreground (N, H, W), from logits (N, C, H, W)."""
        return foreground_probabilities(logits)[:, 0]

    @property
    def threshold(self) -> float:
        """Of the head that gives the mask: the last one of a cascade."""
        head = self.segmentor.decode_head
        return (head[-1] if isinstance(head, nn.ModuleList) else head).threshold
