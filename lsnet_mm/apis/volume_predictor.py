"""Whole volumes through a model of slices: what it is fed, and what is made of its answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement
from nibabel.affines import apply_affine
from torch import nn

from ..models.segmentors.two_stage import TwoStageSegmentor
from ..models.utils.probabilities import predicted_probability
from ..utils.versions import autocast
from ..volumes import ORIENTATION, READING, Volume, VolumeError, check_finite
from .arguments import DTYPES
from .confidence import slice_evidence

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
        evidence: :func:`.confidence.slice_evidence` of each slice, where it was asked for.
        confidence: What :func:`.confidence.judge` makes of it; None if that was never measured.
    """

    mask: Volume
    boxes: list[np.ndarray]
    scores: list[np.ndarray]
    probability: Volume | None = None
    heatmaps: np.ndarray | None = None
    cautions: tuple[str, ...] = ()
    evidence: list[dict[str, float]] | None = None
    confidence: dict | None = None

    def describe(self, classes: Sequence[str]) -> dict[str, dict]:
        """Of each class but the background ``label``, ``volume_ml`` and number of ``slices``.

        Of pictures the volume is None, and ``areas_px`` are the pixels of each.
        """
        mask = self.mask.oriented(ORIENTATION)
        slices = mask.voxels.T  # all at once would be copied as int64
        counts = np.array([np.bincount(one.ravel(), minlength=len(classes)) for one in slices])
        described = {}
        for label, name in enumerate(classes[1:], start=1):
            pixels = counts[:, label]
            volume = None if mask.picture else round(float(pixels @ mask.voxel_ml), 3)
            about = dict(label=label, volume_ml=volume, slices=int((pixels > 0).sum()))
            described[name] = about | ({'areas_px': pixels.tolist()} if mask.picture else {})
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
        mask, key = self.mask, 'areas_px' if self.mask.picture else 'volume_ml'
        affine = None if mask.irregular or mask.picture else mask.affine
        plain = dict(mask=mask.voxels, affine=affine, boxes=self.box_edges())
        plain |= dict(cautions=list(self.cautions), confidence=self.confidence)
        plain[key] = {k: one[key] for k, one in self.describe(classes).items()}
        if self.probability is not None:
            plain['probability'] = self.probability.voxels.astype(np.float32) / 255
        if self.heatmaps is not None:
            plain['heatmaps'] = self.heatmaps
        return plain

    def drawn(self, volume: Volume) -> tuple:
        """What pictures of it are drawn from, slices as radiologists look at them.

        Args:
            volume: In HU.

        Returns:
            tuple: The slices in HU, a view, and their masks, (slices, rows, columns), boxes and
            heatmaps; what the net sees, with the front at the top.
        """
        hu, masks = (one.oriented(READING).voxels.T for one in (volume, self.mask))
        height = hu.shape[1]
        boxes = [
            np.stack((x1, height - y2, x2, height - y1), axis=1)
            for x1, y1, x2, y2 in (own.T for own in self.boxes)
        ]
        heatmaps = None if self.heatmaps is None else self.heatmaps[:, ::-1]
        return hu, np.ascontiguousarray(masks), boxes, heatmaps


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
        dtype: ``'float32'``, ``'bfloat16'`` or ``'float16'``, by autocast, which is what the
            nets compute in.
        evidence: What slices are asked of their masks, names out of :data:`.confidence.EVIDENCE`.
            Of two stages ``agreement`` costs a crop more for each slice with a mask.
    """

    model: nn.Module
    pipeline: Compose
    batch_size: int = 8
    dtype: str = 'float32'
    evidence: Collection[str] = ()

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f'dtype {self.dtype!r} is none of {", ".join(DTYPES)}.')
        autocast(self.device_type, self.dtype)
        if 'agreement' in self.evidence and isinstance(self.model, TwoStageSegmentor):
            self.model.test_cfg['judge'] = True

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
        boxes, scores, heats, evidence = [], [], None, []
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
                if self.evidence:
                    evidence.append(slice_evidence(sample))
                if heatmaps and 'pred_heatmap' in sample:
                    heat = _array(sample.pred_heatmap.data[0])
                    if heats is None:
                        heats = np.empty((count, *heat.shape), np.float16)
                    heats[k] = heat
            on_slices(numbers[-1] + 1, count)
        boxes = [np.array(b, np.float32).reshape(-1, 4) for b in boxes]
        scores = [np.array(s, np.float32) for s in scores]
        own = evidence if self.evidence else None
        return VolumePrediction(mask, boxes, scores, prob, heats, evidence=own)

    def _predict(self, slices: Volume, numbers: range) -> list[BaseDataElement]:
        spacing = None if slices.picture else slices.spacing[1::-1] + slices.spacing[2:]
        inputs = []
        for k in numbers:
            check_finite(slices.voxels[..., k], k)
            info = dict(voxels=slices.voxels, slice_index=k, spacing=spacing)
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
    probability = predicted_probability(sample)
    if probability is None:
        raise VolumeError('the model', 'it gives no probabilities', 'Do not ask for them')
    return _array(probability)


def _array(tensor: torch.Tensor) -> np.ndarray:
    # Of autocast; numpy has no such type.
    return (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).cpu().numpy()
