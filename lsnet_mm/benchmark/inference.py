"""Whole-volume prediction, and the oracle that answers for a net without weights."""

from contextlib import ExitStack
from functools import cache

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn

from ..apis import VolumePredictor, slice_pipeline
from ..models.dense_heads.targets import encode
from ..models.geometry import scale_boxes
from ..models.localizers import LNet
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

    Everything runs as it is, and only then its result is exchanged: so that boxes are decoded,
    crops segmented and masks pasted where there is an organ, and nowhere else. The answers are
    those of a net that makes no mistakes; a real one finds more or fewer boxes and may need more
    rounds. Nothing is exchanged in training.
    """
    localizer, device = model.localizer, next(model.parameters()).device
    predict, write = localizer.predict, model.write_result
    numbers: list[int] = []  # of the slices that the localizer is at

    @cache
    def boxes(number: int, size: tuple[int, int]) -> Tensor:
        own = scene.mask(number).shape
        return scale_boxes(scene.boxes(number), own, size).to(device)

    @cache
    def mask(number: int) -> Tensor:
        return torch.from_numpy(scene.mask(number)).to(device)[None]

    def oracle_boxes(inputs: Tensor, samples: list) -> list[InstanceData]:
        numbers[:] = [sample.slice_index for sample in samples]
        try:
            predict(inputs, samples)
        finally:
            numbers.clear()
        found = [boxes(sample.slice_index, tuple(inputs.shape[-2:])) for sample in samples]
        return [InstanceData(bboxes=b.clone(), scores=b.new_ones(len(b))) for b in found]

    def oracle_mask(sample, probs: Tensor, found: InstanceData) -> None:
        write(sample, probs, found)
        true = mask(sample.slice_index)
        if len(found.bboxes) and true.shape == sample.pred_sem_seg.data.shape:
            sample.pred_sem_seg = PixelData(data=true)

    localizer.predict, model.write_result = oracle_boxes, oracle_mask
    if isinstance(localizer, LNet):
        head, of_heatmaps = localizer.head, localizer.head.predict_with_heatmaps

        @cache
        def heatmap(number: int, cells: tuple[int, int]) -> Tensor:
            size = cells[0] * head.stride, cells[1] * head.stride
            heat, _ = encode(boxes(number, size), cells, head.stride)
            return heat.logit(LOWEST_PROBABILITY)[None]

        def oracle_peaks(heatmaps: Tensor, x: tuple, *args, **kwargs) -> list[InstanceData]:
            peaks = [heatmap(number, tuple(heatmaps.shape[-2:])) for number in numbers]
            return of_heatmaps(torch.stack(peaks).to(heatmaps), x, *args, **kwargs)

        head.predict_with_heatmaps = oracle_peaks
