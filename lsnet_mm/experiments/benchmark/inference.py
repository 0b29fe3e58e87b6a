"""Whole-volume prediction, and the oracle that answers for a net without weights."""

from __future__ import annotations

from contextlib import ExitStack
from functools import cache

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn
from torch.nn import functional as F

from ...apis import VolumePredictor, slice_pipeline
from ...models.dense_heads.keypoint_coder import encode
from ...models.geometry import boxes_to_distances, cell_centers, scale_boxes
from ...models.localizers import CoarseLocalizer, LNet
from .resources import count_work
from .scene import Scene
from .system import System
from .timing import Stopwatch

#: Spans that come after the nets: from their maps to boxes, and from crops to a slice's mask.
POST_PROCESSING = ('decode', 'paste', 'refine')
LOWEST_PROBABILITY = 1e-4


class Inference:
    """Whole-volume prediction of a system.

    Args:
        system: Its model gets the oracle's predictions if it has no checkpoint.
        scene: The volume.
    """

    def __init__(self, system: System, scene: Scene) -> None:
        self.system, self.model, self.scene = system, system.model, scene
        switches = system.switches
        self.predictor = VolumePredictor(
            self.model, slice_pipeline(system.cfg), switches.batch_size, switches.dtype
        )
        if system.two_stages and not system.checkpoint:
            predict_by_oracle(system.two_stages, scene)

    def __call__(self, watch: Stopwatch | None = None) -> None:
        """Segments the volume."""
        self.model.eval()
        self.predictor(self.scene.volume)

    @torch.no_grad()
    def count(self, number: int) -> dict[str, int]:
        """``macs`` and ``bytes`` of a slice, as of :func:`count_work`."""
        packed = self.scene.packed(self.predictor.pipeline, number)
        self.model.eval()
        with self.system.switches.autocast():
            return count_work(lambda: self.model.test_step(pseudo_collate([packed])))

    def work(self) -> dict[str, float]:
        """Mean :meth:`count` of a slice of the volume, from one with the organ and one without:
        with all boxes and rounds, without what is skipped."""
        organ, share = self.scene.organ_slices, self.scene.share
        empty = np.setdiff1d(np.arange(len(self.scene)), organ)
        kinds = ((organ, share), (empty, 1 - share))
        counts = [(part, self.count(int(of[len(of) // 2]))) for of, part in kinds if len(of)]
        return {k: sum(part * count[k] for part, count in counts) for k in ('macs', 'bytes')}

    def profile(self) -> dict:
        """One run, and what it consists of.

        Returns:
            dict: ``shares`` of the time by span, ``post_processing`` among them, and of a
            two-stage model ``crops`` a slice with an organ.
        """
        watch = Stopwatch(self.system.switches.now)
        with ExitStack() as stack:
            for owner, method, name in self._spans():
                stack.enter_context(watch.timed(owner, method, name))
            self()
        seconds = watch.read()
        shares = {name: value / sum(seconds.values()) for name, value in seconds.items()}
        result = dict(shares=shares, post_processing=sum(shares.get(p, 0) for p in POST_PROCESSING))
        if self.system.two_stages:
            result['crops'] = watch.items['S-Net'] / max(len(self.scene.organ_slices), 1)
        return result

    def _spans(self) -> list[tuple[object, str, str]]:
        """Objects and their methods that are timed, and as what."""
        model = self.model
        spans = [
            (self.predictor, 'pipeline', 'pipeline'),
            (model.data_preprocessor, 'forward', 'preprocessing'),
        ]
        if not self.system.two_stages:
            spans += [(model, 'encode_decode', 'net'), (model, 'postprocess_result', 'paste')]
            return spans
        spans += [
            (model.localizer, 'predict', 'L-Net'),
            (model.roi_extractor, 'crop', 'crop'),
            (model, '_logits', 'S-Net'),
            (model.roi_extractor, 'paste', 'paste'),
            (model, 'write_result', 'paste'),
        ]
        if isinstance(model.localizer, LNet):
            head = model.localizer.head
            spans += [(head, 'predict_by_feat', 'decode'), (head, 'forward_distances', 'BBR')]
        if model.test_cfg['rounds']:  # what they cost beside crop, S-Net and paste
            spans.append((model, 'refine', 'refine'))
        return spans


def predict_by_oracle(model: nn.Module, scene: Scene) -> None:
    """Lets a two-stage model find in the slices of a scene what is there.

    Everything runs as it is, and only then what a net gives is exchanged, not what is made of it:
    so that boxes are decoded as the localizer does, crops segmented and masks pasted where there is
    an organ, and nowhere else. The answers are those of a net that makes no mistakes; a real one
    finds more or fewer boxes and may need more rounds. Nothing is exchanged in training.
    """
    oracle = Oracle(scene, next(model.parameters()).device)
    localizer, write = model.localizer, model.write_result
    predict, numbers = localizer.predict, []  # of the slices that the localizer is at

    def predict_boxes(inputs: Tensor, samples: list) -> list[InstanceData]:
        numbers[:] = [sample.slice_index for sample in samples]
        try:
            found = predict(inputs, samples)
        finally:
            numbers.clear()
        if isinstance(localizer, (LNet, CoarseLocalizer)):
            return found  # from the oracle's maps
        size = tuple(inputs.shape[-2:])
        boxes = [oracle.boxes(sample.slice_index, size) for sample in samples]
        return [InstanceData(bboxes=b.clone(), scores=b.new_ones(len(b))) for b in boxes]

    def write_result(sample, probs: Tensor, found: InstanceData) -> None:
        write(sample, probs, found)
        mask = oracle.mask(sample.slice_index)
        if len(found.bboxes) and mask.shape == sample.pred_sem_seg.data.shape:
            sample.pred_sem_seg = PixelData(data=mask)

    localizer.predict, model.write_result = predict_boxes, write_result
    if isinstance(localizer, LNet):
        _exchange_maps(localizer.head, oracle, numbers)
    elif isinstance(localizer, CoarseLocalizer):
        coarse_masks = localizer.coarse_masks

        def true_masks(inputs: Tensor) -> tuple[Tensor, Tensor]:
            masks, probs = coarse_masks(inputs)
            true = [oracle.coarse_mask(n, tuple(masks.shape[-2:])) for n in numbers]
            return torch.cat(true) if numbers else masks, probs

        localizer.coarse_masks = true_masks


def _exchange_maps(head: nn.Module, oracle: Oracle, numbers: list[int]) -> None:
    """Of L-Net's head: the heatmap, which says where the others run, and these once they have."""
    with_heatmaps, by_feat = head.predict_with_heatmaps, head.predict_by_feat

    def maps(like: Tensor) -> tuple[Tensor, ...]:
        size = tuple(like.shape[-2:])
        found = zip(*(oracle.maps(n, size, head.stride) for n in numbers), strict=True)
        return tuple(torch.stack(some).to(like) for some in found)

    def predict_with_heatmaps(heatmaps: Tensor, *args, **kwargs) -> list[InstanceData]:
        return with_heatmaps(maps(heatmaps)[0], *args, **kwargs)

    def predict_by_feat(heatmaps: Tensor, distances: Tensor, *args, **kwargs) -> list[InstanceData]:
        _, distances, masks = maps(distances)
        args = args if head.mask is None else (masks, *args[1:])
        return by_feat(heatmaps, distances, *args, **kwargs)

    head.predict_with_heatmaps, head.predict_by_feat = predict_with_heatmaps, predict_by_feat


class Oracle:
    """What is in the slices of a scene, in the forms that nets give; made once each.

    Args:
        scene: With the label.
        device: Where it is needed.
    """

    def __init__(self, scene: Scene, device: torch.device) -> None:
        self.scene, self.device = scene, device
        self.mask, self.boxes, self.maps = cache(self.mask), cache(self.boxes), cache(self.maps)
        self.coarse_mask = cache(self.coarse_mask)

    def mask(self, number: int) -> Tensor:
        """(1, H, W) labels, uint8."""
        return torch.from_numpy(self.scene.mask(number)).to(self.device)[None]

    def coarse_mask(self, number: int, size: tuple[int, int]) -> Tensor:
        """(1, h, w) booleans."""
        return F.interpolate(self.mask(number)[None].float(), size)[0] > 0

    def boxes(self, number: int, size: tuple[int, int]) -> Tensor:
        """(n, 4) boxes in an image of a size."""
        own = self.scene.mask(number).shape
        return scale_boxes(self.scene.boxes(number), own, size).to(self.device)

    def maps(self, number: int, cells: tuple[int, int], stride: int) -> tuple[Tensor, ...]:
        """Of L-Net: heatmap logits (1, h, w), distances (4, h, w) and mask logits (1, h, w). A cell
        of the mask holds any of the label in the boxes, so none of what is too small to be an
        object."""
        size = cells[0] * stride, cells[1] * stride
        heat, boxes = encode(self.boxes(number, size), cells, stride)
        points = cell_centers(cells, stride, heat)
        distances = boxes_to_distances(points, boxes.flatten(0, 1)).T.reshape(4, *cells)
        mask, objects = self.mask(number), torch.zeros_like(self.mask(number))
        for x1, y1, x2, y2 in self.scene.boxes(number).int().tolist():
            objects[:, y1:y2, x1:x2] = mask[:, y1:y2, x1:x2]
        held = F.interpolate(objects[None].float(), cells, mode='area')[0] > 0
        lowest = LOWEST_PROBABILITY
        return heat.logit(lowest)[None], distances, held.to(heat).logit(lowest)
