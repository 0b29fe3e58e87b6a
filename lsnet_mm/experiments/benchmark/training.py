"""Training: steps and their parts on one batch in memory, and the loader that feeds them."""

import copy
from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from unittest.mock import patch

import cv2
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from mmengine.structures import InstanceData, PixelData
from torch.utils.data import DataLoader

from ...apis import slice_pipeline
from ...models.geometry import boxes_to_rois
from ...utils.resizing import resize_labels
from .resources import count_work
from .scene import BOXES, Scene
from .system import FUSED, System
from .timing import Run, Stopwatch


class Training:
    """Training steps of a system on one batch that is in memory.

    Args:
        system: Whose model is trained.
        scene: The batch are slices of it with an organ, from one end to the other.
    """

    def __init__(self, system: System, scene: Scene) -> None:
        self.system, self.model, self.switches = system, system.model, system.switches
        if self.switches.channels_last is None:
            self._order_channels()
        wrapper = copy.deepcopy(system.cfg.optim_wrapper)
        if self.switches.fused_adam is not None:
            wrapper['optimizer']['fused'] = self.switches.fused_adam
        self.optim_wrapper = build_optim_wrapper(self.model, wrapper)
        self.batch = training_batch(system, scene)

    def runs(self) -> dict[str, Run]:
        """What is timed: the whole step, and of two stages each of its parts alone, and the
        fused step."""
        runs: dict[str, Run] = dict(step=self.step)
        if self.system.two_stages:
            self._seen = self._data()
            fused = partial(self.step, phases=FUSED)
            runs |= {'L-Net': self.localizer, 'S-Net': self.segmentor, 'fused': fused}
        return runs

    def work(self) -> dict[str, float]:
        """``macs`` and ``bytes`` of a step, for each slice of it; it is a step like any other."""
        count = count_work(lambda: self.step(Stopwatch(perf_counter)))
        return {k: v / self.switches.batch_size for k, v in count.items()}

    def localizer(self, watch: Stopwatch) -> None:
        """L-Net forward, its loss, and backward."""
        self._backward('loss_localizer')

    def segmentor(self, watch: Stopwatch) -> None:
        """All of the second stage on the true boxes: crops and their targets, S-Net forward, its
        loss, and backward into the boxes; of RSTN also the coarse map that weights the images."""
        with patch.object(self.model.localizer, 'propose', _true_rois):
            self._backward('loss_segmentor')

    def step(self, watch: Stopwatch, phases: Sequence[str] = ()) -> None:
        """Forward, backward and update of each phase; by default of the system's own training."""
        self.model.train()
        with watch.span('preprocessing'):
            data = self._data()
        wrapper = self.optim_wrapper
        for phase in phases or self.system.phases:
            with watch.span(f'{phase}: forward'):
                with self.switches.autocast(), wrapper.optim_context(self.model):
                    losses = self.model(**data, mode=phase)
                loss, _ = self.model.parse_losses(losses)
            with watch.span(f'{phase}: backward'):
                wrapper.backward(wrapper.scale_loss(loss))
            with watch.span(f'{phase}: update'):
                wrapper.step()
                wrapper.zero_grad()

    def _backward(self, phase: str) -> None:
        """A phase without the update."""
        self.model.train()
        with self.switches.autocast():
            loss, _ = self.model.parse_losses(self.model(**self._seen, mode=phase))
        loss.backward()
        self.model.zero_grad(set_to_none=True)

    def _order_channels(self) -> None:
        """As the config's hook does before training."""
        self.model.to(memory_format=torch.contiguous_format)
        for hook in self.system.cfg.get('custom_hooks') or ():
            if hook['type'] == 'ChannelsLastHook':
                HOOKS.build(hook).before_run(SimpleNamespace(model=self.model))

    def _data(self) -> dict:
        batch = dict(self.batch, data_samples=list(self.batch['data_samples']))
        return self.model.data_preprocessor(batch, True)


def _true_rois(inputs: torch.Tensor, samples: list) -> torch.Tensor:
    """In place of a localizer's proposals; they take a gradient as these do."""
    return boxes_to_rois([s.gt_instances.bboxes[:1].to(inputs) for s in samples]).requires_grad_()


def training_batch(system: System, scene: Scene) -> dict:
    """Slices with an organ as the config's loader gives them, but for the augmentation.

    Raises:
        ValueError: If the scene has no organ.
    """
    pipeline, count = slice_pipeline(system.cfg), system.switches.batch_size
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


def missing_data(system: System) -> str | None:
    """Why a system's loader cannot be timed; None if it can."""
    if system.peer:
        return "the baseline's"
    root = system.cfg.train_dataloader.dataset.get('data_root')
    if root and not Path(root).exists():
        return f'no data in {root}' if not Path(root).is_absolute() else 'no data'
    return None


def build_loader(system: System, workers: int) -> DataLoader:
    """The system's own training data, by so many processes."""
    cv2.setNumThreads(0)
    cfg = copy.deepcopy(system.cfg.train_dataloader)
    cfg.update(num_workers=workers, batch_size=system.switches.batch_size)
    return Runner.build_dataloader(cfg, seed=0)


def slices_per_second(loader: DataLoader, batches: int) -> float:
    """Of a loader that nothing waits for but this; starting the workers is not counted.

    Raises:
        ValueError: If the epoch has one batch only.
    """
    stream = iter(loader)
    next(stream)
    start, count = perf_counter(), 0
    for batch in islice(stream, batches):
        count += len(batch['inputs'])
    if not count:
        raise ValueError('the epoch has one batch only; lower the batch size')
    return count / (perf_counter() - start)
