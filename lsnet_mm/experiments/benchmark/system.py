"""A system that is measured, and what can be run of it: a volume, and training steps."""

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import HOOKS, LOOPS, MODELS, init_default_scope
from mmengine.structures import InstanceData, PixelData
from torch import Tensor, nn
from torch.utils.benchmark import timer

from ...apis import VolumePrediction, VolumePredictor, slice_pipeline
from ...apis.model import load_model, to_device
from ...engine.loops import PHASES, AlternatingMixin
from ...models.geometry import boxes_to_rois, mask_to_box
from ...models.segmentors import TwoStageSegmentor
from ...models.utils.compile_nets import compile_nets
from ...models.utils.fold_norms import fold_norms
from ...utils.config import train_from_scratch
from ...utils.resizing import resize_labels
from ...utils.versions import autocast
from .scene import Scene, predict_by_oracle

FUSED = ('loss',)
#: Methods whose time is a span of inference; a model has not all of them.
SPANS = {
    'predictor.pipeline': 'pipeline',
    'model.data_preprocessor.forward': 'preprocessing',
    'model.encode_decode': 'net',
    'model.postprocess_result': 'paste',
    'model.localizer.predict': 'L-Net',
    'model.localizer.head.predict_by_feat': 'decode',
    'model.roi_extractor.crop': 'crop',
    'model._logits': 'S-Net',
    'model.roi_extractor.paste': 'paste',
    'model.write_result': 'paste',
    'model.refine': 'refine',  # what rounds cost beside crop, S-Net and paste
}
#: Seconds of each span since this was cleared.
SPENT: Counter = Counter()


@contextmanager
def span(name: str) -> Iterator[None]:
    """Charges the time of what is in it to a name, but for what is charged to spans inside it.

    On a GPU torch's timer waits for what was given to it.
    """
    inner, start = SPENT.total(), timer()
    yield
    SPENT[name] += timer() - start - (SPENT.total() - inner)


@dataclass(eq=False)
class System:
    """What is measured beside others: a model with its config, and how it is run.

    A two-stage model without a checkpoint gets the oracle's predictions. What is run divides its
    time by :func:`span`.

    Args:
        name: In the tables.
        cfg: Model, optimizer and pipelines.
        scene: The volume to segment, and to train on.
        device: Such as ``cpu`` or ``cuda``.
        batch_size: Slices at a time, in training and in inference.
        dtype: ``float32``, or another by autocast.
        compiled: Whether its nets are compiled.
        checkpoint: Its weights; None for random ones.
    """

    name: str
    cfg: Config
    scene: Scene
    device: str = 'cpu'
    batch_size: int = 8
    dtype: str = 'float32'
    compiled: bool = False
    checkpoint: Path | None = None

    @cached_property
    def model(self) -> nn.Module:
        """What is trained, and counted; the predictor has its own."""
        model = self._build()
        if self.compiled:
            compile_nets(model)
        return model

    def _build(self) -> nn.Module:
        init_default_scope('mmseg')
        torch.manual_seed(0)
        if self.checkpoint:
            return load_model(self.cfg, self.checkpoint, self.device)
        cfg = copy.deepcopy(self.cfg.model)
        train_from_scratch(cfg)
        model = MODELS.build(cfg)
        model.init_weights()
        return to_device(revert_sync_batchnorm(model), self.device)

    @property
    def has_two_stages(self) -> bool:
        return isinstance(self.model, TwoStageSegmentor)

    @property
    def phases(self) -> tuple[str, ...]:
        """The modes of the model that make one training step."""
        loop = self.cfg.train_cfg
        alternates = issubclass(LOOPS.get(loop['type']), AlternatingMixin)
        return tuple(loop.get('phases', PHASES)) if alternates else FUSED

    # Inference

    @cached_property
    def predictor(self) -> VolumePredictor:
        """With a model as for a study, with the oracle, and with the spans in the place of what
        they are of."""
        model, pipeline = fold_norms(self._build().eval()), slice_pipeline(self.cfg)
        if self.compiled:
            compile_nets(model)
        predictor = VolumePredictor(model, pipeline, self.batch_size, self.dtype)
        if isinstance(model, TwoStageSegmentor):
            if not self.checkpoint:
                predict_by_oracle(model, self.scene)
            model.segmentor.backbone.register_forward_pre_hook(
                lambda module, args: self.crops.append(len(args[0]))
            )
        root = SimpleNamespace(predictor=predictor, model=model)
        for path, name in SPANS.items():
            *owners, method = path.split('.')
            owner = reduce(lambda of, part: getattr(of, part, None), owners, root)
            if inner := getattr(owner, method, None):
                setattr(owner, method, span(name)(inner))
        return predictor

    def predict(self) -> VolumePrediction:
        """Segments the volume; ``crops`` are then those that the second stage has segmented."""
        self.crops: list[int] = []
        return self.predictor(self.scene.volume)

    # Training

    @cached_property
    def optim_wrapper(self) -> OptimWrapper:
        """Made when training begins; the order of channels is the config's from then on."""
        self.model.to(memory_format=torch.contiguous_format)
        for hook in self.cfg.get('custom_hooks') or ():
            if hook['type'] == 'ChannelsLastHook':
                HOOKS.build(hook).before_run(SimpleNamespace(model=self.model))
        return build_optim_wrapper(self.model, copy.deepcopy(self.cfg.optim_wrapper))

    @cached_property
    def batch(self) -> dict:
        """Slices with the organ, from one end to the other, as the config's loader gives them, but
        for the augmentation."""
        pipeline, organ, packed = slice_pipeline(self.cfg), self.scene.organ_slices, []
        x, y, z = self.scene.volume.spacing
        info = dict(voxels=self.scene.volume.voxels, spacing=(y, x, z), reduce_zero_label=False)
        for number in organ[np.arange(self.batch_size) * len(organ) // self.batch_size].tolist():
            packed.append(pipeline(dict(info, slice_index=number)))
            height, width = packed[-1]['inputs'].shape[-2:]
            mask = resize_labels(self.scene.mask(number), (width, height))
            mask, sample = torch.from_numpy(mask).long(), packed[-1]['data_samples']
            sample.gt_sem_seg = PixelData(data=mask[None])
            sample.gt_instances = InstanceData(bboxes=mask_to_box(mask), labels=mask.new_zeros(1))
        return pseudo_collate(packed)

    def preprocessed(self) -> dict:
        """The batch as the model takes it."""
        batch = dict(self.batch, data_samples=list(self.batch['data_samples']))
        return self.model.data_preprocessor(batch, True)

    def runs(self) -> dict[str, Callable[[], None]]:
        """What is timed: the whole step, and of two stages the parts of it alone, and the fused
        step."""
        parts = dict(step=self.step)
        if self.has_two_stages:
            data = self.preprocessed()  # a part begins with what is on the device
            parts['L-Net'] = partial(self.part, data, 'loss_localizer')
            parts['S-Net'] = partial(self.part, data, 'loss_segmentor')
            parts['fused'] = partial(self.step, phases=FUSED)
        return parts

    def step(self, phases: Sequence[str] = ()) -> None:
        """Forward, backward and update of each phase; by default of the system's own training."""
        wrapper = self.optim_wrapper
        self.model.train()
        with span('preprocessing'):
            data = self.preprocessed()
        for phase in phases or self.phases:
            with span(f'{phase}: forward'), wrapper.optim_context(self.model):
                loss = self._loss(data, phase)
            with span(f'{phase}: backward'):
                wrapper.backward(wrapper.scale_loss(loss))
            with span(f'{phase}: update'):
                wrapper.step()
                wrapper.zero_grad()

    def part(self, data: dict, phase: str) -> None:
        """Forward, loss and backward of a phase; the second without L-Net, on the true boxes."""
        self.model.train()
        self.model.localizer.propose = true_rois
        self._loss(data, phase).backward()
        del self.model.localizer.propose
        self.model.zero_grad(set_to_none=True)

    def _loss(self, data: dict, phase: str) -> Tensor:
        with autocast(torch.device(self.device).type, self.dtype):
            losses = self.model(**data, mode=phase)
        return self.model.parse_losses(losses)[0]


def true_rois(inputs: Tensor, samples: list) -> Tensor:
    """In place of a localizer's proposals; they take a gradient as these do."""
    return boxes_to_rois([s.gt_instances.bboxes[:1].to(inputs) for s in samples]).requires_grad_()
