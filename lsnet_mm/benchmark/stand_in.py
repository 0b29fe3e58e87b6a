"""What a trained net would answer, in place of what an untrained one does.

Everything runs as it is, and only then its result is exchanged: so that boxes are decoded, crops
segmented and masks pasted where there is an organ, and nowhere else. The answers are those of a
net that makes no mistakes; a real one finds more or fewer boxes and may need more rounds.
"""

from functools import cache, singledispatch

import torch
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn

from ..models.dense_heads.targets import encode
from ..models.geometry import boxes_to_distances, cell_centers, scale_boxes
from ..models.localizers import CoarseLocalizer, LNet
from .scene import Scene

MINIMUM = 1e-4


def stand_in(model: nn.Module, scene: Scene) -> None:
    """Lets a two-stage model find in the slices of a scene what is there."""
    answers = Answers(scene, next(model.parameters()).device)
    replace(model.localizer, answers)
    write = model.write_result

    def write_result(sample, probs: Tensor, found: InstanceData) -> None:
        write(sample, probs, found)
        mask = answers.mask(sample.slice_index)
        if len(found.bboxes) and mask.shape == sample.pred_sem_seg.data.shape:
            sample.pred_sem_seg = PixelData(data=mask)

    model.write_result = write_result


class Answers:
    """Of a scene's slices, made once each.

    Args:
        scene: With the label.
        device: Where they are needed.
    """

    def __init__(self, scene: Scene, device: torch.device) -> None:
        self.scene, self.device = scene, device
        self.mask, self.map, self.cells = map(cache, (self.mask, self.map, self.cells))
        self.found, self.maps = cache(self.found), cache(self.maps)

    def mask(self, number: int) -> Tensor:
        """(1, H, W) labels, uint8."""
        return torch.from_numpy(self.scene.mask(number)).to(self.device)[None]

    def map(self, number: int, size: tuple[int, int]) -> Tensor:
        """(H, W) booleans at another size."""
        mask = self.mask(number)[None].float()
        return torch.nn.functional.interpolate(mask, size)[0, 0] > 0

    def cells(self, number: int, size: tuple[int, int]) -> Tensor:
        """(1, h, w) booleans: the cells of a coarse map that hold any of the label in the boxes,
        so without what is too small to be an object."""
        mask, objects = self.mask(number), torch.zeros_like(self.mask(number))
        for x1, y1, x2, y2 in self.scene.boxes(number).int().tolist():
            objects[:, y1:y2, x1:x2] = mask[:, y1:y2, x1:x2] > 0
        return torch.nn.functional.interpolate(objects[None].float(), size, mode='area')[0] > 0

    def found(self, number: int, size: tuple[int, int]) -> Tensor:
        """(n, 4) boxes in an image of ``size``."""
        own = self.scene.mask(number).shape
        return scale_boxes(self.scene.boxes(number), own, size).to(self.device)

    def maps(self, number: int, size: tuple[int, int], stride: int) -> tuple[Tensor, Tensor, float]:
        """Heatmap logits (1, h, w) and distances (4, h, w) in an image of ``size``, and the
        heatmap's highest probability."""
        cells = size[0] // stride, size[1] // stride
        heat, boxes = encode(self.found(number, size), cells, stride)
        points = cell_centers(cells, stride, heat)
        distances = boxes_to_distances(points, boxes.flatten(0, 1)).T.reshape(4, *cells)
        return heat.logit(MINIMUM)[None], distances, float(heat.max())


@singledispatch
def replace(localizer: nn.Module, answers: Answers) -> None:
    """Lets a localizer find the boxes of the label; any one runs as it is, and they come after."""
    predict = localizer.predict

    def answer(inputs: Tensor, samples: list) -> list[InstanceData]:
        predict(inputs, samples)
        boxes = [answers.found(s.slice_index, tuple(inputs.shape[-2:])) for s in samples]
        return [InstanceData(bboxes=b.clone(), scores=b.new_ones(len(b))) for b in boxes]

    localizer.predict = answer


@replace.register
def _(localizer: LNet, answers: Answers) -> None:
    head, seen, numbers = localizer.head, [], []
    predict, heatmaps_to_boxes = localizer.predict, head.predict_with_heatmaps
    forward_distances, forward_masks = head.forward_distances, head.forward_masks

    def remember(inputs: Tensor, samples: list) -> list[InstanceData]:
        size = tuple(inputs.shape[-2:])
        seen[:] = [answers.maps(s.slice_index, size, head.stride) for s in samples]
        numbers[:] = [s.slice_index for s in samples]
        try:
            return predict(inputs, samples)
        finally:
            seen.clear()

    def with_peaks(heatmaps: Tensor, x: tuple, *args, **kwargs) -> list[InstanceData]:
        heatmaps = torch.stack([heat for heat, _, _ in seen]).to(heatmaps)
        return heatmaps_to_boxes(heatmaps, x, *args, **kwargs)

    def right_distances(feat: Tensor) -> Tensor:
        own = forward_distances(feat)
        if not seen:  # training
            return own
        # The head asks for the images that it found something in, in their order.
        threshold = head.test_cfg['score_thr']
        right = [distances for _, distances, peak in seen if peak > threshold]
        return torch.stack(right).to(own)

    def right_masks(feat: Tensor) -> Tensor:
        own = forward_masks(feat)
        if not seen:
            return own
        threshold, size = head.test_cfg['score_thr'], tuple(own.shape[-2:])
        at_work = [n for n, (_, _, peak) in zip(numbers, seen, strict=True) if peak > threshold]
        right = torch.stack([answers.cells(number, size) for number in at_work])
        return right.to(own).logit(MINIMUM)

    localizer.predict, head.predict_with_heatmaps = remember, with_peaks
    head.forward_distances, head.forward_masks = right_distances, right_masks


@replace.register
def _(localizer: CoarseLocalizer, answers: Answers) -> None:
    predict, coarse_masks, seen = localizer.predict, localizer.coarse_masks, []

    def remember(inputs: Tensor, samples: list) -> list[InstanceData]:
        seen[:] = [answers.map(s.slice_index, tuple(inputs.shape[-2:])) for s in samples]
        try:
            return predict(inputs, samples)
        finally:
            seen.clear()

    def right_masks(inputs: Tensor) -> tuple[Tensor, Tensor]:
        masks, probs = coarse_masks(inputs)
        return (torch.stack(seen), probs) if seen else (masks, probs)

    localizer.predict, localizer.coarse_masks = remember, right_masks
