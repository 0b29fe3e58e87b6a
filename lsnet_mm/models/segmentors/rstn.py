import torch
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample
from torch import Tensor

from ...registry import MODELS
from ..utils.probabilities import foreground_probabilities
from .lsnet import LSNet, scale_gradient


@MODELS.register_module()
class RSTN(LSNet):
    """Recurrent saliency transformation (Yu et al., CVPR 2018), in 2D.

        images -> coarse net -> P -> box
        images * g(P) -> crop to the box -> fine net -> mask, and the next P

    ``mode='loss'`` of the stock training loop is the paper's joint optimisation of
    ``lambda * L_C + (1 - lambda) * L_F``. ``L_F`` reaches the coarse net through ``g``, not through
    the box. In the recurrence (``rounds`` of ``test_cfg``) the fine net's map of the round before
    takes the place of ``P``; the samples carry it. Training has one round, as the authors' code.

    With U-Nets on ResNet-18 and ResNet-34 it has 38,764,608 parameters, 30 of them in ``g``.

    ``P`` in training is that of inference, normalisation statistics included, as for the boxes.
    The coarse net therefore runs three times a step: for its loss, for the boxes, for ``P``.

    Args:
        transform: ``g``, a :class:`SaliencyTransform`.
        coarse_weight: The paper's lambda.
        gamma: Factor of the gradient from the second stage into ``P``; 1 in the paper, 0 cuts it.
        kwargs: As in :class:`LSNet`; the localizer is a :class:`CoarseLocalizer`.
    """

    def __init__(
        self, transform: dict, coarse_weight: float = 0.5, gamma: float = 1.0, **kwargs
    ) -> None:
        super().__init__(gamma=gamma, **kwargs)
        if not hasattr(self.localizer, 'coarse_masks'):
            raise ValueError(
                f'RSTN got {type(self.localizer).__name__} as its localizer, which has no map of '
                "probabilities to weight the image by: use type='CoarseLocalizer'."
            )
        if not 0 <= coarse_weight <= 1:
            raise ValueError(f'RSTN got coarse_weight={coarse_weight}: give a value from 0 to 1.')
        self.transform = MODELS.build(transform)
        self.coarse_weight = coarse_weight

    # Training

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        """``lambda * L_C + (1 - lambda) * L_F``, the terms under LSNet's keys."""
        weights = dict(localizer=self.coarse_weight, segmentor=1 - self.coarse_weight)
        losses = super().loss(inputs, data_samples)
        return {
            key: value * weights[key.split('.')[0]] if 'loss' in key else value
            for key, value in losses.items()
        }

    def _loss_on_rois(self, inputs: Tensor, data_samples: list, rois: Tensor) -> dict:
        _, probs = self.localizer.coarse_masks(self._localizer_view(inputs))
        weighted = self.transform(inputs, scale_gradient(probs[:, None], self.gamma))
        return super()._loss_on_rois(weighted, data_samples, rois)

    # Inference

    def localize(self, inputs: Tensor, data_samples: list) -> list[InstanceData]:
        """As LSNet's; the coarse map is also the first ``saliency`` (1, h, w) of a sample."""
        instances = super().localize(inputs, data_samples)
        for sample in data_samples:
            sample.saliency = sample.pred_heatmap
        return instances

    def segment_boxes(
        self, inputs: Tensor, boxes: list[Tensor], data_samples: list
    ) -> list[Tensor]:
        """As LSNet's, in images weighted by the ``saliency`` of their samples."""
        weighted = [
            self.transform(image[None], sample.saliency.data[None])
            for image, sample in zip(inputs, data_samples, strict=True)
        ]
        return super().segment_boxes(torch.cat(weighted), boxes, data_samples)

    def write_result(self, sample: SegDataSample, probs: Tensor, found: InstanceData) -> None:
        """As LSNet's; the map of any foreground is the ``saliency`` of the next round."""
        super().write_result(sample, probs, found)
        sample.saliency = PixelData(data=probs[0, :1])

    # Shared

    def _forward(self, inputs: Tensor, data_samples: list | None = None) -> tuple:
        """As LSNet's."""
        logits = self.localizer(self._localizer_view(inputs))
        probs = foreground_probabilities(logits)[:, :1]
        return logits, self._segment_whole(self.transform(inputs, probs))
