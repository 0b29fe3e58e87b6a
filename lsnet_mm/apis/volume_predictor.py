"""Whole volumes through a model of slices: what it is fed, and what is made of its answers."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement
from torch import nn

from ..volumes import ORIENTATION, Volume, VolumeError, check_finite
from .volume_prediction import VolumePrediction

#: Transforms that prepare the ground truth, which a new patient has not.
GROUND_TRUTH = {'LoadAnnotations', 'LoadCTMask', 'BoxesFromMask'}
WINDOW = (0.0, 255.0)
#: Precisions of the nets, the exact one first.
DTYPES = ('float32', 'bfloat16', 'float16')


def check_dtype(dtype: str) -> None:
    """Raises a ValueError if it is none of :data:`DTYPES`."""
    if dtype not in DTYPES:
        raise ValueError(f'dtype {dtype!r} is none of {", ".join(DTYPES)}.')


class VolumePredictor:
    """Segments whole volumes with a model of slices, in batches.

    The volume is turned to the axes of training by flips and permutations alone, and the mask is
    written through the same view, so that it lies in the input's own frame by construction. Beside
    the input only the results are held for all slices, a byte a voxel each.

    Args:
        model: Any segmentor of MMSegmentation, one stage or two.
        pipeline: From :func:`slice_pipeline`.
        batch_size: Slices at a time.
        dtype: Out of :data:`DTYPES`, by autocast, which is what the nets compute in.
    """

    def __init__(
        self, model: nn.Module, pipeline: Compose, batch_size: int = 8, dtype: str = 'float32'
    ):
        if batch_size < 1:
            raise ValueError(f'VolumePredictor: batch_size must be at least 1, got {batch_size}.')
        check_dtype(dtype)
        self.model = model
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.dtype = getattr(torch, dtype)

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
        slices = volume.oriented(ORIENTATION)
        count = slices.voxels.shape[2]
        mask = Volume(np.zeros(volume.voxels.shape, np.uint8, 'F'), volume.affine)
        prob = Volume(np.zeros_like(mask.voxels), volume.affine) if probability else None
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
                    probs[..., k] = np.ceil(255 * foreground_probability(sample) - 0.5).T
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
        kind = next(self.model.parameters()).device.type
        with torch.autocast(kind, self.dtype, enabled=self.dtype is not torch.float32):
            return self.model.test_step(pseudo_collate(inputs))


def slice_pipeline(cfg: Config, window: Sequence[float] = WINDOW) -> Compose:
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
    transforms = []
    for transform in dataset.get('pipeline', cfg.get('test_pipeline', ())):
        transform = dict(transform)
        kind = transform['type']
        if kind in GROUND_TRUTH:
            continue
        if kind == 'LoadCTSlice':
            transform['type'] = 'CTSliceFromMemory'
        elif kind == 'LoadImageFromFile':
            kept = {k: transform[k] for k in ('to_float32', 'color_type') if k in transform}
            transform = dict(type='GreySliceFromMemory', window=tuple(window), **kept)
        transforms.append(transform)
    first = transforms[0]['type'] if transforms else 'nothing'
    if first not in ('CTSliceFromMemory', 'GreySliceFromMemory'):
        raise ValueError(
            'the test pipeline must start with LoadCTSlice or LoadImageFromFile to take slices of '
            f'a volume; it starts with {first}.'
        )
    return Compose(transforms)


def grey_window(pipeline: Compose) -> tuple[float, float]:
    """The window (low, high) in HU that a net sees through a pipeline, for pictures."""
    windows = (t.window for t in pipeline.transforms if hasattr(t, 'window'))
    return next(windows, (-100.0, 240.0))


def foreground_probability(sample: BaseDataElement) -> np.ndarray:
    """Probability (H, W) of any foreground, of a sample with predictions.

    Raises:
        VolumeError: If its model gives none.
    """
    if 'pred_probability' in sample:
        return _array(sample.pred_probability.data[0])
    if 'seg_logits' not in sample:
        raise VolumeError('the model', 'it gives no probabilities', 'Do not ask for them')
    logits = sample.seg_logits.data
    # With one channel mmseg has taken the sigmoid already, in spite of the name.
    return _array(logits[0] if len(logits) == 1 else 1 - logits.softmax(dim=0)[0])


def _array(tensor: torch.Tensor) -> np.ndarray:
    if tensor.dtype is torch.bfloat16:  # by autocast; numpy has no such type
        tensor = tensor.float()
    return tensor.detach().cpu().numpy()
