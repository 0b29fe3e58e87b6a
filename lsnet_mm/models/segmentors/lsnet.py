from contextlib import AbstractContextManager, nullcontext

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.logging import print_log
from mmseg.utils import add_prefix
from torch import Tensor, nn

from ...registry import MODELS, TASK_UTILS
from ..geometry import boxes_to_rois, scale_boxes
from .ground_truth import crop_ground_truth, soft_ground_truth, soft_losses, soft_targets
from .two_stage import TwoStageSegmentor


@MODELS.register_module()
class LSNet(TwoStageSegmentor):
    """Two-stage segmentor: localise, re-sample, segment (paper, Fig. 2).

    ``forward`` knows the modes ``loss_localizer`` and ``loss_segmentor`` for alternating
    optimisation; which comes when is the training loop's affair. The stock ``loss`` is the fused
    variant: one forward pass, both losses.

    Args:
        gamma: Factor of the gradient from the second stage into the first; 0 cuts it.
        roi_mixing: ``RoIMixing``, or None to train on the localizer's own boxes alone.
        moving_target: Whether ``L_S`` knows that the mask moves with the box: soft masks, cropped
            as the image is, for losses of the decode head that take them (``FocalDiceLoss``).
            False, and any other loss: the mask's nearest pixels, fixed while the box moves.
        kwargs: As in :class:`TwoStageSegmentor`: ``localizer``, ``roi_extractor``, ``segmentor``,
            ``localizer_size``, ``test_cfg``.
    """

    def __init__(
        self,
        gamma: float = 0.1,
        roi_mixing: dict | None = None,
        moving_target: bool = True,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.gamma = gamma
        self.roi_mixing = roi_mixing and TASK_UTILS.build(roi_mixing)
        self.moving_target = moving_target
        self._said_fixed = False

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'):
        """As MMSegmentation's, with the modes ``loss_localizer`` and ``loss_segmentor``."""
        if mode in ('loss_localizer', 'loss_segmentor'):
            return getattr(self, mode)(inputs, data_samples)
        return super().forward(inputs, data_samples, mode)

    def loss_localizer(self, inputs: Tensor, data_samples: list) -> dict:
        """``L_L`` (Eq. 5), keys with the prefix ``localizer``."""
        self._check_trains('loss_localizer', self.localizer)
        losses = self.localizer.loss(*self._training_view(inputs, data_samples))
        return add_prefix(losses, 'localizer')

    def loss_segmentor(self, inputs: Tensor, data_samples: list) -> dict:
        """``L_S`` (Eq. 6) on the localizer's RoIs, keys with the prefix ``segmentor``.

        In a distributed run this is a rank's part: the mean over ranks is that over all RoIs.
        """
        self._check_trains('loss_segmentor', self)
        with torch.set_grad_enabled(self.gamma > 0):  # without a use for it, no graph is kept
            rois = self.localizer.propose(*self._training_view(inputs, data_samples))
        return self._loss_on_rois(inputs, data_samples, rois)

    def loss(self, inputs: Tensor, data_samples: list) -> dict:
        """Both losses from one forward pass of the localizer."""
        losses, rois = self.localizer.loss_and_propose(*self._training_view(inputs, data_samples))
        return add_prefix(losses, 'localizer') | self._loss_on_rois(inputs, data_samples, rois)

    def _loss_on_rois(self, inputs: Tensor, data_samples: list, rois: Tensor) -> dict:
        size, count = inputs.shape[-2:], len(rois)
        if self.localizer_size:
            rois = scale_boxes(rois, self.localizer_size, size)
        rois = proposals = scale_gradient(rois, self.gamma)
        if self.roi_mixing:
            rois = self.roi_mixing(rois, [s.gt_instances.bboxes for s in data_samples])
        if not count:
            # Without an object the segmentor still runs, for nothing: a rank that skipped it would
            # leave the others waiting in the all-reduce, or in SyncBN.
            rois = boxes_to_rois([inputs.new_tensor([[0, 0, size[1], size[0]]])])
        mean_count, reaches_localizer = mean_over_ranks(count, rois.requires_grad)
        if reaches_localizer and not rois.requires_grad:
            # A zero gradient: the others' go through the localizer, and its SyncBN waits for ours.
            rois = rois + 0 * proposals.sum()
        if len(rois) == 1:
            # Image-level pooling with BatchNorm needs two values; the mean stays the same.
            rois = rois.repeat(2, 1)
        crops = self.roi_extractor.crop(inputs, rois)
        samples = crop_ground_truth(self.roi_extractor, data_samples, rois.detach())
        with self._moving_target(data_samples, rois, samples):
            losses = self.segmentor.loss(crops, samples)
        # The mean over the RoIs of all ranks is that of the ranks' own means by their shares.
        share = count / mean_count if mean_count else 0
        return add_prefix(scale_losses(losses, share), 'segmentor')

    def _moving_target(
        self, data_samples: list, rois: Tensor, samples: list
    ) -> AbstractContextManager:
        """Within it, losses that can take it see the mask move with the RoIs."""
        # In a cascade the heads before the last have losses of their own, by integers.
        cascade = isinstance(self.segmentor.decode_head, nn.ModuleList)
        head, losses = self.decode_head, [] if cascade else soft_losses(self.decode_head)
        if self.moving_target and losses:
            labels = torch.stack([s.gt_sem_seg.data[0] for s in samples])
            target, weight = soft_ground_truth(
                self.roi_extractor, data_samples, rois, head.out_channels, head.ignore_index
            )
            return soft_targets(losses, labels, target, weight)
        if self.moving_target and rois.requires_grad and not self._said_fixed:
            self._said_fixed = True
            print_log(
                f'{type(self).__name__}: no loss of {type(head).__name__} takes soft targets, so '
                'the mask stays where it is while its gradient moves the box. FocalDiceLoss does '
                '(docs/training.md).',
                logger='current',
            )
        return nullcontext()

    def _check_trains(self, phase: str, part: nn.Module) -> None:
        if self.training and not any(p.requires_grad for p in part.parameters()):
            raise ValueError(
                f'LSNet: phase {phase!r} reaches no trainable parameter. Leave it out of '
                "train_cfg's 'phases', or thaw what it trains."
            )

    def _training_view(self, inputs: Tensor, data_samples: list) -> tuple[Tensor, list]:
        """What the localizer sees, and samples with the boxes in its pixels; masks keep the size
        of ``inputs``."""
        view = self._localizer_view(inputs)
        samples = []
        for sample in data_samples:
            seen = sample.new(metainfo=sample.metainfo | dict(img_shape=tuple(view.shape[-2:])))
            seen.gt_instances = sample.gt_instances.clone()
            boxes = sample.gt_instances.bboxes
            seen.gt_instances.bboxes = scale_boxes(boxes, inputs.shape[-2:], view.shape[-2:])
            samples.append(seen)
        return view, samples


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """The same values, with the gradient that flows back multiplied by ``factor``.

    A factor of 0 detaches: no gradient is not the same as a zero gradient, which would still move
    a parameter by Adam's momentum.
    """
    scaled = x.view_as(x) if factor else x.detach()
    if scaled.requires_grad:
        scaled.register_hook(lambda grad: grad * factor)
    return scaled


def mean_over_ranks(*values: float) -> list[float]:
    """The mean of each number over all processes; the numbers themselves in a lone process.

    Every process must call it, with as many numbers: those that do wait for those that do not.
    """
    if get_world_size() == 1:
        return list(values)
    means = torch.tensor(values, dtype=torch.float64)
    all_reduce(means, 'mean')
    return means.tolist()


def scale_losses(losses: dict, factor: float) -> dict:
    """Losses, or lists of them, times a factor; what else is logged beside them stays."""

    def scale(loss: Tensor | list) -> Tensor | list:
        return [x * factor for x in loss] if isinstance(loss, list) else loss * factor

    return {key: scale(loss) if 'loss' in key else loss for key, loss in losses.items()}
