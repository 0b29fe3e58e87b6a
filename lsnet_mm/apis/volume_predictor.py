"""Whole volumes through a model of slices: what it is fed, and what is made of its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement
from nibabel.affines import apply_affine
from scipy import ndimage
from torch import nn

from ..utils.versions import autocast
from ..volumes import ORIENTATION, READING, Volume, VolumeError, check_finite
from .arguments import DTYPES

#: Transforms that prepare the ground truth, which a new patient has not.
GROUND_TRUTH = {'LoadAnnotations', 'LoadCTMask', 'BoxesFromMask'}


@dataclass(frozen=True, eq=False)
class VolumePrediction:
    """What a model says about one volume.

    Slices are those that the net saw, those of ``mask.oriented('LAI')``. All else is in the axes of
    the input.

    Attributes:
        mask: uint8 classes, of the input's shape, affine and axes.
        boxes: One (n, 4) float32 for each slice: x1, y1, x2, y2, edges in pixels of the slice. Of a
            one-stage model all are empty.
        scores: One (n,) float32 for each slice.
        probability: uint8 probability of any foreground, 255 being 1, like ``mask``; or None.
        heatmaps: (slices, h, w) float16 in [0, 1], each covering its slice; or None.
        cautions: What is unlike the model's training, a sentence each.
    """

    mask: Volume
    boxes: list[np.ndarray]
    scores: list[np.ndarray]
    probability: Volume | None = None
    heatmaps: np.ndarray | None = None
    cautions: tuple[str, ...] = ()

    def describe(self, classes: Sequence[str]) -> dict[str, dict]:
        """``label``, ``volume_ml`` and number of ``slices`` of each class but the background."""
        mask = self.mask.oriented(ORIENTATION)
        slices = mask.voxels.T  # all at once would be copied as int64
        counts = np.array([np.bincount(one.ravel(), minlength=len(classes)) for one in slices])
        described = {}
        for label, name in enumerate(classes[1:], start=1):
            pixels = counts[:, label]
            volume = round(float(pixels @ mask.voxel_ml), 3)
            described[name] = dict(label=label, volume_ml=volume, slices=int((pixels > 0).sum()))
        return described

    def box_edges(self) -> list[dict]:
        """All boxes in voxels of the input.

        Returns:
            list[dict]: ``from`` and ``to``, (3,) each: edges along the input's own axes, where
            voxel i covers [i, i + 1); and ``score``.
        """
        slices = self.mask.oriented(ORIENTATION)
        to_input = np.linalg.inv(self.mask.affine) @ slices.affine
        found = []
        for k, (boxes, scores) in enumerate(zip(self.boxes, self.scores, strict=True)):
            for (x1, y1, x2, y2), score in zip(boxes, scores, strict=True):
                corners = np.array([(x1, y1, k), (x2, y2, k + 1)], float)
                corners = apply_affine(to_input, corners - 0.5) + 0.5  # centres are where i is
                corners = np.sort(corners.round(2), axis=0) + 0.0  # no minus zero
                low, high = corners.tolist()
                found.append({'from': low, 'to': high, 'score': round(float(score), 4)})
        return found

    def plain(self, classes: Sequence[str]) -> dict:
        """As a dict of what is there; see :meth:`LSNetInferencer.__call__`."""
        affine = None if self.mask.irregular else self.mask.affine
        plain = dict(mask=self.mask.voxels, affine=affine, boxes=self.box_edges())
        plain['volume_ml'] = {k: one['volume_ml'] for k, one in self.describe(classes).items()}
        plain['cautions'] = list(self.cautions)
        if self.probability is not None:
            plain['probability'] = self.probability.voxels.astype(np.float32) / 255
        if self.heatmaps is not None:
            plain['heatmaps'] = self.heatmaps
        return plain

    def drawn(self, volume: Volume, window: tuple[float, float]) -> tuple:
        """What pictures of it are drawn from, slices as radiologists look at them.

        Args:
            volume: In HU.
            window: HU that become 0 and 255.

        Returns:
            tuple: The slices in grey and their masks, (slices, rows, columns) uint8, boxes and
            heatmaps; what the net sees, with the front at the top.
        """
        low, high = window
        slices = volume.oriented(READING).voxels.T
        grey = np.empty(slices.shape, np.uint8)
        for k, hu in enumerate(slices):  # one by one, for the memory
            grey[k] = np.rint(np.clip((hu - low) * (255 / (high - low)), 0, 255))
        masks, height = self.mask.oriented(READING).voxels.T, grey.shape[1]
        boxes = [
            np.stack((x1, height - y2, x2, height - y1), axis=1)
            for x1, y1, x2, y2 in (own.T for own in self.boxes)
        ]
        heatmaps = None if self.heatmaps is None else self.heatmaps[:, ::-1]
        return grey, np.ascontiguousarray(masks), boxes, heatmaps


@dataclass(frozen=True)
class TidyUp:
    """Removes small parts of a mask in 3D, each class by itself. By default, nothing.

    Parts are 26-connected: voxels that share a corner belong together.

    Attributes:
        largest_component: Keep the largest part of each class alone.
        min_volume_ml: Remove parts that are smaller.
    """

    largest_component: bool = False
    min_volume_ml: float = 0.0

    def __post_init__(self) -> None:
        if self.min_volume_ml < 0:
            raise ValueError(f'TidyUp: min_volume_ml must not be negative: {self.min_volume_ml}.')

    def __call__(self, mask: Volume) -> Volume:
        """Tidy a mask of classes.

        Args:
            mask: uint8; it is left as it is.

        Returns:
            Volume: Itself if nothing was asked for.
        """
        if not (self.largest_component or self.min_volume_ml):
            return mask
        tidied = replace(mask, voxels=mask.voxels.copy(order='K'))
        # Box by box, so that no array of whole numbers has the size of the volume.
        for label, box in enumerate(ndimage.find_objects(mask.voxels), start=1):
            if box is None:
                continue
            parts, count = ndimage.label(mask.voxels[box] == label, np.ones((3, 3, 3)))
            counts = [np.bincount(one.ravel(), minlength=count + 1)[1:] for one in parts.T]
            sizes = mask.voxel_ml[box[2]] @ counts
            kept = sizes >= self.min_volume_ml * (1 - 1e-9)  # sums are rounded
            if self.largest_component:
                kept &= np.arange(count) == sizes.argmax()
            tidied.voxels[box][np.concatenate([[False], ~kept])[parts]] = 0
        return tidied


@dataclass(eq=False)
class VolumePredictor:
    """Segments whole volumes with a model of slices, in batches.

    The volume is turned to the axes of training by flips and permutations alone, and the mask is
    written through the same view, so that it lies in the input's own frame by construction. Beside
    the input only the results are held for all slices, a byte a voxel each.

    Attributes:
        model: Any segmentor of MMSegmentation, one stage or two.
        pipeline: From :func:`slice_pipeline`.
        batch_size: Slices at a time.
        dtype: Out of :data:`DTYPES`, by autocast, which is what the nets compute in.
    """

    model: nn.Module
    pipeline: Compose
    batch_size: int = 8
    dtype: str = 'float32'

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f'dtype {self.dtype!r} is none of {", ".join(DTYPES)}.')
        autocast(self.device_type, self.dtype)

    @property
    def device_type(self) -> str:
        return next(self.model.parameters()).device.type

    @torch.inference_mode()
    def __call__(
        self,
        volume: Volume,
        probability: bool = False,
        heatmaps: bool = False,
        on_slices: Callable[[int, int], None] = lambda done, total: None,
    ) -> VolumePrediction:
        """Segment a volume.

        Args:
            volume: In HU.
            probability: Keep the probability of foreground too.
            heatmaps: Keep the heatmaps of a model that has them.
            on_slices: Called with the number of slices done and of all, after every batch.

        Raises:
            VolumeError: If a voxel is not a finite number, or the model gives no probabilities.
        """
        if self.batch_size < 1:
            raise ValueError(f'batch_size must be at least 1, got {self.batch_size}.')
        slices = volume.oriented(ORIENTATION)
        count = slices.voxels.shape[2]
        mask = replace(volume, voxels=np.zeros(volume.voxels.shape, np.uint8, 'F'))
        prob = replace(mask, voxels=np.zeros_like(mask.voxels)) if probability else None
        # Views into the same memory: what is written to a slice arrives in the input's frame.
        masks = mask.oriented(ORIENTATION).voxels
        probs = prob.oriented(ORIENTATION).voxels if probability else None
        boxes, scores, heats = [], [], None
        for start in range(0, count, self.batch_size):
            numbers = range(start, min(start + self.batch_size, count))
            for k, sample in zip(numbers, self._predict(slices, numbers), strict=True):
                masks[..., k] = _array(sample.pred_sem_seg.data[0]).T
                if probability:
                    # Half a step rounds down: what is above a half stays so, and nothing else.
                    probs[..., k] = np.ceil(255 * _foreground_probability(sample) - 0.5).T
                found = sample.get('pred_instances')
                # Lists: small arrays that stay would lie in the way of the next batch's large ones,
                # and the process would grow by one of these with every batch.
                boxes.append(_array(found.bboxes).tolist() if found else [])
                scores.append(_array(found.scores).tolist() if found else [])
                if heatmaps and 'pred_heatmap' in sample:
                    heat = _array(sample.pred_heatmap.data[0])
                    if heats is None:
                        heats = np.empty((count, *heat.shape), np.float16)
                    heats[k] = heat
            on_slices(numbers[-1] + 1, count)
        boxes = [np.array(b, np.float32).reshape(-1, 4) for b in boxes]
        scores = [np.array(s, np.float32) for s in scores]
        return VolumePrediction(mask, boxes, scores, prob, heats)

    def _predict(self, slices: Volume, numbers: range) -> list[BaseDataElement]:
        x, y, z = slices.spacing
        inputs = []
        for k in numbers:
            check_finite(slices.voxels[..., k], k)
            info = dict(voxels=slices.voxels, slice_index=k, spacing=(y, x, z))
            inputs.append(self.pipeline(dict(info, reduce_zero_label=False)))
        with autocast(self.device_type, self.dtype):
            return self.model.test_step(pseudo_collate(inputs))


def slice_pipeline(cfg: Config, window: Sequence[float] = (0, 255)) -> Compose:
    """The config's own test pipeline, for slices of a volume in memory.

    Loading from files is replaced, ground truth left out; all the rest is as in the test.

    Args:
        cfg: With a ``test_dataloader``, whose pipeline starts with ``LoadCTSlice`` (HU), or with
            ``LoadImageFromFile`` (8-bit slices).
        window: For a pipeline of 8-bit slices: the HU that became 0 and 255 in them. Such configs
            of this project were trained on HU from 0 to 255.

    Returns:
        Compose: From dicts with ``voxels`` (X, Y, Z) in HU and ``slice_index``.

    Raises:
        ValueError: If the pipeline starts otherwise.
    """
    dataset = cfg.test_dataloader.dataset
    pipeline = dataset.get('pipeline', cfg.get('test_pipeline', ()))
    transforms = [dict(one) for one in pipeline if one['type'] not in GROUND_TRUTH]
    load = transforms.pop(0) if transforms else dict(type='nothing')
    if load['type'] == 'LoadCTSlice':
        load['type'] = 'CTSliceFromMemory'
    elif load['type'] == 'LoadImageFromFile':
        kept = {k: load[k] for k in ('to_float32', 'color_type') if k in load}
        load = dict(type='GreySliceFromMemory', window=tuple(window), **kept)
    else:
        raise ValueError(
            'the test pipeline must start with LoadCTSlice or LoadImageFromFile to take slices of '
            f'a volume; it starts with {load["type"]}.'
        )
    return Compose([load, *transforms])


def _foreground_probability(sample: BaseDataElement) -> np.ndarray:
    if 'pred_probability' in sample:
        return _array(sample.pred_probability.data[0])
    if 'seg_logits' not in sample:
        raise VolumeError('the model', 'it gives no probabilities', 'Do not ask for them')
    logits = sample.seg_logits.data
    # With one channel mmseg has taken the sigmoid already, in spite of the name.
    return _array(logits[0] if len(logits) == 1 else 1 - logits.softmax(dim=0)[0])


def _array(tensor: torch.Tensor) -> np.ndarray:
    # Of autocast; numpy has no such type.
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).cpu().numpy()
