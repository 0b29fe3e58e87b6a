import math

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.model import BaseModule, bias_init_with_prob
from mmengine.structures import InstanceData
from torch import Tensor, nn
from torch.nn import functional as F

from ...registry import MODELS
from ..geometry import cell_centers, distances_to_boxes
from .keypoint_coder import decode, encode
from .mask_branch import MASK_CFG, MaskBranch, conv_branch


@MODELS.register_module()
class KPBBRHead(BaseModule):
    """L-Net's two branches: keypoint heatmap (KP) and distances to the box (BBR) (paper, 2.1).

    Its methods have the signatures of mmdet's dense heads, so it also serves as ``bbox_head`` of
    mmdet's ``SingleStageDetector``.

    Args:
        in_channels: Channels of ``F'``.
        feat_channels: Channels of the branches.
        num_classes: Always 1, a keypoint is of an object or not; here because mmdet passes it.
        stride: Input pixels per cell.
        kp_convs: 3x3 convolutions of the KP branch, before its 1x1.
        bbr_convs: 3x3 convolutions of the BBR branch, before its last.
        bbr_kernel: Kernel of the BBR branch's last convolution; a wide view helps the distances.
        delta: Variance of the heatmap's Gaussians, in cells^2 at an input of 320 pixels.
        beta: Radius of their flat top, in cells at 320 pixels.
        prior_prob: Probability that an untrained heatmap gives.
        prior_distance: Distance that an untrained BBR branch gives, in cells.
        loss_cls: Loss of the heatmap.
        loss_bbox: Loss of the boxes; its weight is the paper's lambda.
        norm_cfg: Normalisation of the convolutions.
        train_cfg: ``topk`` (3): a training proposal is one of that many most probable cells.
            ``inside_only`` (False): only cells inside the box are positives.
        test_cfg: ``score_thr`` (0.5) and ``vote`` (False), see ``decode``; ``max_per_img``
            (100) boxes at most. With a mask also ``mask_thr`` (0.5), in training too, and
            ``veto_thr`` (0.5), see ``MaskBranch``.
        loss_mask: If given, a ``MaskBranch`` with this loss corrects the boxes, of which an
            image then has one at most.
        init_cfg: As in mmengine.
    """

    #: What is compiled where a config asks for it; proposals and predictions take one by one.
    COMPILED = ('forward_keypoints', 'forward_distances', 'forward_masks')

    def __init__(
        self,
        in_channels: int,
        feat_channels: int = 64,
        num_classes: int = 1,
        stride: int = 4,
        kp_convs: int = 3,
        bbr_convs: int = 2,
        bbr_kernel: int = 13,
        delta: float = 20.0,
        beta: float = 2.0,
        prior_prob: float = 0.05,
        prior_distance: float = 4.0,
        loss_cls: dict = dict(type='FocalDiceLoss', squared=True),
        loss_bbox: dict = dict(type='DIoULoss', loss_weight=0.5),
        norm_cfg: dict | None = dict(type='BN'),
        train_cfg: dict | None = None,
        test_cfg: dict | None = None,
        loss_mask: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_classes != 1:
            raise ValueError(f'KPBBRHead knows one class of object, got num_classes={num_classes}.')
        self.stride, self.delta, self.beta = stride, delta, beta
        self.prior_prob, self.prior_distance = prior_prob, prior_distance
        self.train_cfg = dict(topk=3, inside_only=False) | dict(train_cfg or {})
        self.test_cfg = dict(score_thr=0.5, vote=False, max_per_img=100) | dict(test_cfg or {})
        widths = in_channels, feat_channels
        self.keypoints = conv_branch(*widths, 1, kp_convs, 1, norm_cfg)
        self.distances = conv_branch(*widths, 4, bbr_convs, bbr_kernel, norm_cfg)
        self.loss_cls = MODELS.build(loss_cls)
        self.loss_bbox = MODELS.build(loss_bbox)
        self.mask = None
        if loss_mask is not None:
            self.mask = MaskBranch(*widths, stride, loss_mask, norm_cfg)
            self.test_cfg = MASK_CFG | self.test_cfg

    def init_weights(self) -> None:
        """Starts at an almost empty heatmap and at boxes of a plausible size."""
        super().init_weights()
        nn.init.normal_(self.distances[-1].weight, std=1e-3)
        nn.init.constant_(self.keypoints[-1].bias, bias_init_with_prob(self.prior_prob))
        nn.init.constant_(self.distances[-1].bias, math.log(math.expm1(self.prior_distance)))

    def forward_keypoints(self, feat: Tensor) -> Tensor:
        """(N, 1, h, w) logits of the heatmap."""
        return self.keypoints(feat)

    def forward_distances(self, feat: Tensor) -> Tensor:
        """(N, 4, h, w) distances ``l, r, t, b`` in input pixels, always positive."""
        feat = self.distances[:-1](feat)
        # bfloat16 would round a distance of 50 cells to a quarter of a cell.
        with torch.autocast(feat.device.type, enabled=False):
            return F.softplus(self.distances[-1](feat.float())) * self.stride

    def forward_masks(self, feat: Tensor) -> Tensor:
        """(N, 1, h, w) logits of the mask; only of a head that has it."""
        return self.mask(feat)

    def forward(self, x: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """All branches, of ``(F',)``, one map (N, C, h, w).

        Returns:
            tuple: Heatmap logits (N, 1, h, w), distances (N, 4, h, w) in input pixels and, if the
            head has a mask, its logits (N, 1, h, w).
        """
        outs = self.forward_keypoints(x[0]), self.forward_distances(x[0])
        return outs if self.mask is None else (*outs, self.forward_masks(x[0]))

    def loss(self, x: tuple[Tensor, ...], batch_data_samples: list) -> dict:
        """Losses of features, against ``gt_instances.bboxes`` in input pixels and, with a mask,
        ``gt_sem_seg`` or ``gt_instances.masks``."""
        return self._loss(self(x), batch_data_samples)

    def loss_and_propose(self, x: tuple[Tensor, ...], samples: list) -> tuple[dict, Tensor]:
        """Losses and training RoIs from one pass."""
        outs = self(x)
        return self._loss(outs, samples), self.propose_by_feat(*outs[:2], samples, *outs[2:])

    def _loss(self, outs: tuple[Tensor, ...], batch_data_samples: list) -> dict:
        losses = self.loss_by_feat(*outs[:2], [s.gt_instances for s in batch_data_samples])
        if self.mask is not None:
            losses['loss_mask'] = self.mask.loss(outs[2], batch_data_samples)
        return losses

    def loss_by_feat(
        self, heatmaps: Tensor, distances: Tensor, batch_gt_instances: list[InstanceData]
    ) -> dict:
        """``L_L`` (Eq. 5): heatmap loss, and the DIoU loss averaged over the positive cells.

        Args:
            heatmaps: (N, 1, h, w) logits.
            distances: (N, 4, h, w), in input pixels.
            batch_gt_instances: The objects of each image.

        Returns:
            dict: ``loss_cls`` and ``loss_bbox``; the latter is 0 without an object.
        """
        targets, boxes, positive = self.get_targets(batch_gt_instances, heatmaps)
        points = cell_centers(heatmaps.shape[-2:], self.stride, distances)
        decoded = distances_to_boxes(points, distances.flatten(2).transpose(1, 2))
        # Ranks have a mean of their gradients taken: with the mean N+ for each that is the sum over
        # all positives by their number.
        count = positive.sum().float()
        all_reduce(count, 'mean')
        loss_bbox = self.loss_bbox(
            decoded[positive], boxes[positive], avg_factor=count.clamp(min=1 / get_world_size())
        )
        return dict(loss_cls=self.loss_cls(heatmaps, targets), loss_bbox=loss_bbox)

    @torch.no_grad()
    def get_targets(
        self, batch_gt_instances: list[InstanceData], heatmaps: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Targets of a batch, of the shape and on the device of heatmaps (N, 1, h, w).

        Returns:
            tuple: Heatmaps (N, 1, h, w) in [0, 1], boxes (N, h * w, 4) in input pixels and
            positives (N, h * w), boolean.
        """
        size = heatmaps.shape[-2:]
        objects = (gt.bboxes.to(heatmaps.device, torch.float32) for gt in batch_gt_instances)
        encoded = [encode(boxes, size, self.stride, self.delta, self.beta) for boxes in objects]
        targets, boxes = map(torch.stack, zip(*encoded, strict=True))
        targets, boxes = targets.unsqueeze(1), boxes.flatten(1, 2)
        positive = targets.flatten(1) >= 0.5
        if self.train_cfg['inside_only']:
            points = cell_centers(size, self.stride, boxes)
            inside = (points >= boxes[..., :2]) & (points <= boxes[..., 2:])
            positive &= inside.all(dim=-1)
        return targets, boxes, positive

    def propose(self, x: tuple[Tensor, ...], batch_data_samples: list) -> Tensor:
        """Training RoIs of features; only the BBR branch has a gradient here."""
        outs = self(x)
        return self.propose_by_feat(*outs[:2], batch_data_samples, *outs[2:])

    def propose_by_feat(
        self, heatmaps: Tensor, distances: Tensor, samples: list, masks: Tensor | None = None
    ) -> Tensor:
        """One RoI for each training image with an object (paper, 2.5).

        The cell is one of the most probable at random; the gradient goes through its distances.

        Args:
            heatmaps, distances: As :meth:`forward` gives them.
            samples: With ``gt_instances``.
            masks: As there, too; the RoIs are moved half way to them.

        Returns:
            Tensor: (K, 5) RoIs in input pixels, K the number of images with an object.
        """
        with_object = [i for i, sample in enumerate(samples) if len(sample.gt_instances)]
        index = torch.tensor(with_object, dtype=torch.long, device=heatmaps.device)
        scores = heatmaps.detach()[index].flatten(1)
        best = scores.topk(min(self.train_cfg['topk'], scores.size(1)), dim=1).indices
        pick = torch.randint(best.size(1), (len(index), 1)).to(heatmaps.device)
        cells = best.gather(1, pick)
        points = cell_centers(heatmaps.shape[-2:], self.stride, distances)[cells.squeeze(1)]
        chosen = distances.flatten(2)[index].gather(2, cells[:, None].expand(-1, 4, -1))
        boxes = distances_to_boxes(points, chosen.squeeze(2))
        rois = torch.cat((index[:, None].to(boxes.dtype), boxes), dim=1)
        return rois if masks is None else self.mask.pull(rois, masks, self.test_cfg['mask_thr'])

    def predict(
        self, x: tuple[Tensor, ...], batch_data_samples: list, rescale: bool = False
    ) -> list[InstanceData]:
        """Boxes of features; see :meth:`predict_by_feat`."""
        metas = [s.metainfo for s in batch_data_samples]
        return self.predict_with_heatmaps(self.forward_keypoints(x[0]), x, metas, rescale=rescale)

    def predict_with_heatmaps(
        self,
        heatmaps: Tensor,
        x: tuple[Tensor, ...],
        batch_img_metas: list[dict] | None = None,
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Boxes of ``(F',)`` whose KP branch has run, and gave logits (N, 1, h, w).

        The other branches run where it found something; the rest is as in :meth:`predict_by_feat`.
        """
        found = heatmaps.float().sigmoid().flatten(1).amax(dim=1) > self.test_cfg['score_thr']
        distances = heatmaps.new_zeros((len(heatmaps), 4, *heatmaps.shape[-2:]), dtype=torch.float)
        masks = None if self.mask is None else torch.zeros_like(distances[:, :1])
        if found.any():
            distances[found] = self.forward_distances(x[0][found])
            if masks is not None:
                masks[found] = self.forward_masks(x[0][found]).float()
        return self.predict_by_feat(heatmaps, distances, masks, batch_img_metas, rescale)

    def predict_by_feat(
        self,
        heatmaps: Tensor,
        distances: Tensor,
        masks: Tensor | None = None,
        batch_img_metas: list[dict] | None = None,
        rescale: bool = False,
    ) -> list[InstanceData]:
        """Boxes of an image, one for each activated component of its heatmap; with a mask one.

        Args:
            heatmaps, distances, masks: As :meth:`forward` gives them.
            batch_img_metas: Each with ``scale_factor`` (w, h).
            rescale: To pixels of the original image.

        Returns:
            list: For each image ``bboxes`` (n, 4), ``scores`` (n,) and ``labels`` (n,), all zero;
            ``n`` is 0 where nothing is activated.
        """
        rule = dict(self.test_cfg)
        of_mask = {key: rule.pop(key) for key in MASK_CFG if self.mask is not None}
        results = []
        for i, heatmap in enumerate(heatmaps.float().sigmoid()):
            boxes, scores = decode(heatmap[0], distances[i], self.stride, **rule)
            if masks is not None:
                boxes, scores = self.mask.agree(boxes, scores, masks[i, 0], **of_mask)
            if rescale:
                boxes = boxes / boxes.new_tensor(batch_img_metas[i]['scale_factor'][:2]).repeat(2)
            labels = torch.zeros(len(boxes), dtype=torch.long, device=boxes.device)
            results.append(InstanceData(bboxes=boxes, scores=scores, labels=labels))
        return results
