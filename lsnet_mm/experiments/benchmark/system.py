"""A system that is measured, and the ways of running it."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter, process_time

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import LOOPS, MODELS, init_default_scope
from torch import nn

from ...apis.load_model import load_model, read_model_config, to_device
from ...engine.loops.alternating_loop import PHASES, AlternatingMixin
from ...models.segmentors import TwoStageSegmentor
from ...models.utils.compile_nets import compile_nets
from ...utils.config import train_from_scratch

FUSED = ('loss',)
#: What each word changes; ``configured`` leaves all as a config has it.
WORDS = {
    'configured': {},
    'plain': dict(channels_last=False, fused_adam=False),
    'channels-last': dict(channels_last=True),
    'fused-adam': dict(fused_adam=True),
    'bfloat16': dict(dtype='bfloat16'),
    'compile': dict(compile=True),
}


@dataclass(frozen=True)
class Switches:
    """How all systems of a benchmark are run, whatever their configs say.

    Attributes:
        device: Such as ``cpu`` or ``cuda``.
        batch_size: Slices at a time, in training and in inference.
        dtype: ``float32``, or ``bfloat16`` by autocast.
        compile: Compile the nets with ``torch.compile``.
        channels_last: Order of the weights; None is in inference what a CPU has, and in training
            what a config's hooks say.
        fused_adam: Adam's step in one pass; None is what a config says.
        rounds: Refinement rounds at most; None is what a config says.
        cpu_time: Count the seconds in which this process had a processor, on a machine that
            others use. Of one thread, or those that wait count as well.
    """

    device: str = 'cpu'
    batch_size: int = 8
    dtype: str = 'float32'
    compile: bool = False
    channels_last: bool | None = None
    fused_adam: bool | None = None
    rounds: int | None = None
    cpu_time: bool = False

    def autocast(self) -> AbstractContextManager:
        """The context that all forward passes run in."""
        kind, dtype = torch.device(self.device).type, getattr(torch, self.dtype)
        return torch.autocast(kind, dtype, enabled=dtype is not torch.float32)

    def now(self) -> float:
        """Seconds, once the device has done what it was given."""
        if torch.device(self.device).type == 'cuda':
            torch.cuda.synchronize(self.device)
        return process_time() if self.cpu_time else perf_counter()


@dataclass(frozen=True)
class System:
    """What is measured beside others: a model with its config, and how it is run.

    Attributes:
        name: In the tables.
        cfg: Model, optimizer and pipelines.
        switches: How it is run.
        checkpoint: Its weights; None for random ones.
        peer: Whether the net is another library's.
    """

    name: str
    cfg: Config
    switches: Switches
    checkpoint: Path | None = None
    peer: bool = False

    @classmethod
    def from_config(
        cls, path: Path, switches: Switches, checkpoint: Path | None = None, variant: str = ''
    ) -> System:
        """The system of a config file, called by its name, and by its variant if it has one."""
        name = f'{path.stem}, {variant}' if variant else path.stem
        return cls(name, read_model_config(path), switches, checkpoint)

    @cached_property
    def model(self) -> nn.Module:
        """On its device, in evaluation mode, not compiled yet: operations are counted before."""
        init_default_scope('mmseg')
        torch.manual_seed(0)
        if self.checkpoint:
            model = load_model(self.cfg, self.checkpoint, self.switches.device)
        else:
            cfg = copy.deepcopy(self.cfg.model)
            train_from_scratch(cfg)
            model = MODELS.build(cfg)
            model.init_weights()
            model = to_device(revert_sync_batchnorm(model), self.switches.device)
        if self.switches.channels_last is not None:
            order = torch.channels_last if self.switches.channels_last else torch.contiguous_format
            model = model.to(memory_format=order)
        if self.switches.rounds is not None and isinstance(model, TwoStageSegmentor):
            model.test_cfg['rounds'] = self.switches.rounds
        return model.eval()

    @property
    def two_stages(self) -> TwoStageSegmentor | None:
        """The model, if it has two stages."""
        return self.model if isinstance(self.model, TwoStageSegmentor) else None

    def compile(self) -> None:
        """Compiles the model's nets, if asked."""
        if self.switches.compile:
            compile_nets(self.model)

    @property
    def phases(self) -> tuple[str, ...]:
        """The modes of the model that make one training step."""
        loop = self.cfg.train_cfg
        if issubclass(LOOPS.get(loop['type']), AlternatingMixin):
            return tuple(loop.get('phases', PHASES))
        return FUSED
