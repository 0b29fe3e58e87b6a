import copy
from collections.abc import Callable

import torch
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData, PixelData
from torch import nn

from ..apis import slice_pipeline
from ..models.geometry import boxes_to_rois
from ..models.segmentors.ground_truth import crop_ground_truth
from ..resizing import resize_labels
from .floor import count_work
from .scene import BOXES, Scene
from .subject import FUSED, Subject, two_stages
from .turns import Laps

Run = Callable[[Laps], object]


class Training:
    """Training steps of a system on one batch that is in memory.

    Args:
        subject: The system.
        model: Built by it.
        scene: The batch are slices of it with an organ, from one end to the other.
    """

    def __init__(self, subject: Subject, model: nn.Module, scene: Scene) -> None:
        self.model, self.switches, self.phases = model, subject.switches, subject.phases
        subject.order_for_training(model)
        wrapper = copy.deepcopy(subject.cfg.optim_wrapper)
        if self.switches.fused_adam is not None:
            wrapper['optimizer']['fused'] = self.switches.fused_adam
        self.optim_wrapper = build_optim_wrapper(model, wrapper)
        self.batch = training_batch(subject, scene)
        self.two_stages = two_stages(model)

    def runs(self) -> dict[str, Run]:
        """What is timed: the whole step, and of two stages each of its parts alone, and the
        fused step."""
        runs: dict[str, Run] = dict(step=self.step)
        if self.two_stages is not None:
            self._prepare_parts()
            runs |= {'L-Net': self.localizer, 'S-Net': self.segmentor, 'fused': self.fused}
        return runs

    def work(self) -> dict[str, float]:
        """``macs`` and ``bytes`` of a step, for each slice of it; it is a step like any other."""
        count = count_work(lambda: self.step(lambda name: None))
        return {k: v / self.switches.batch_size for k, v in count.items()}

    def step(self, lap: Laps) -> None:
        """All phases of the system's own training."""
        self._step(self.phases, lap)

    def fused(self, lap: Laps) -> None:
        """One forward pass, the summed loss, one update."""
        self._step(FUSED, lap)

    def phase(self, phase: str) -> Run:
        """A step of this phase alone."""
        return lambda lap: self._step((phase,), lap)

    def localizer(self, lap: Laps) -> None:
        """L-Net forward, its loss, and backward."""
        self._backward(lambda: self.two_stages.localizer.loss(*self._view))

    def segmentor(self, lap: Laps) -> None:
        """S-Net forward on crops, its loss, and backward into the crops."""
        self._backward(lambda: self.two_stages.segmentor.loss(*self._crops))
        self._crops[0].grad = None

    def _step(self, phases: tuple[str, ...], lap: Laps) -> None:
        self.model.train()
        data = self._data()
        lap('preprocessing')
        wrapper = self.optim_wrapper
        for phase in phases:
            with self.switches.autocast(), wrapper.optim_context(self.model):
                losses = self.model(**data, mode=phase)
            loss, _ = self.model.parse_losses(losses)
            lap(f'{phase}: forward')
            loss = wrapper.scale_loss(loss)
            wrapper.backward(loss)
            lap(f'{phase}: backward')
            wrapper.step()
            wrapper.zero_grad()
            lap(f'{phase}: update')

    def _backward(self, losses: Callable[[], dict]) -> None:
        self.model.train()
        with self.switches.autocast():
            loss, _ = self.model.parse_losses(losses())
        loss.backward()
        self.model.zero_grad(set_to_none=True)

    def _prepare_parts(self) -> None:
        """What the nets of two stages are given: the view of the one, the crops of the other."""
        model, data = self.two_stages, self._data()
        inputs, samples = data['inputs'], data['data_samples']
        self._view = model._training_view(inputs, samples)
        rois = boxes_to_rois([s.gt_instances.bboxes[:1].to(inputs) for s in samples])
        if len(rois) == 1:
            rois = rois.repeat(2, 1)  # as in the step
        crops = model.roi_extractor.crop(inputs, rois).detach().requires_grad_()
        self._crops = crops, crop_ground_truth(model.roi_extractor, samples, rois)

    def _data(self) -> dict:
        batch = dict(self.batch, data_samples=list(self.batch['data_samples']))
        return self.model.data_preprocessor(batch, True)


def training_batch(subject: Subject, scene: Scene) -> dict:
    """Slices with an organ as the config's loader gives them, but for the augmentation.

    Raises:
        ValueError: If the scene has no organ.
    """
    pipeline, count = slice_pipeline(subject.cfg), subject.switches.batch_size
    organ = scene.organ_slices
    if not len(organ):
        raise ValueError('no slice of the volume has an organ to train on: raise --with-organ')
    packed = []
    for i in range(count):
        number = int(organ[i * len(organ) // count])
        packed.append(scene.packed(pipeline, number))
        _add_truth(packed[-1], scene.mask(number))
    return dict(
        inputs=[p['inputs'] for p in packed], data_samples=[p['data_samples'] for p in packed]
    )


def _add_truth(packed: dict, mask) -> None:
    height, width = packed['inputs'].shape[-2:]
    mask = resize_labels(mask, (width, height))
    boxes = BOXES(dict(gt_seg_map=mask))
    sample = packed['data_samples']
    sample.gt_sem_seg = PixelData(data=torch.from_numpy(mask)[None].long())
    sample.gt_instances = InstanceData(
        bboxes=torch.from_numpy(boxes['gt_bboxes']),
        labels=torch.from_numpy(boxes['gt_bboxes_labels']),
    )
