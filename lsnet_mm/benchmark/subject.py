from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import HOOKS, LOOPS, MODELS, init_default_scope
from torch import nn

from ..apis.load_model import load_model, read_model_config, to_device
from ..engine.loops.alternating_loop import PHASES, AlternatingMixin
from ..models.compile_nets import compile_nets
from ..models.segmentors import TwoStageSegmentor
from ..utils.pretrained import train_from_scratch
from .switches import Switches

FUSED = ('loss',)


@dataclass(frozen=True)
class Subject:
    """A system under test: how to build it, here or in another process.

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
        cls, path: str, switches: Switches, checkpoint: Path | None = None, variant: str = ''
    ) -> Subject:
        """The system of a config file, called by its name, and by its variant if it has one."""
        name = f'{Path(path).stem}, {variant}' if variant else Path(path).stem
        return cls(name, read_model_config(path), switches, checkpoint)

    def build(self) -> nn.Module:
        """The model on its device, in evaluation mode."""
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
        if self.switches.rounds is not None and two_stages(model):
            model.test_cfg['rounds'] = self.switches.rounds
        return model.eval()

    def compile(self, model: nn.Module) -> None:
        """Compiles the model's nets, if asked; operations have to be counted before."""
        if self.switches.compile:
            compile_nets(model)

    @property
    def phases(self) -> tuple[str, ...]:
        """The modes of the model that make one training step."""
        loop = self.cfg.train_cfg
        if issubclass(LOOPS.get(loop['type']), AlternatingMixin):
            return tuple(loop.get('phases', PHASES))
        return FUSED

    def order_for_training(self, model: nn.Module) -> None:
        """The order of channels in training: as the switches say, or else as the config's hook."""
        if self.switches.channels_last is None:
            model.to(memory_format=torch.contiguous_format)
            hooks = self.cfg.get('custom_hooks') or ()
            for hook in (h for h in hooks if h['type'] == 'ChannelsLastHook'):
                HOOKS.build(hook).before_run(SimpleNamespace(model=model))


def two_stages(model: nn.Module) -> nn.Module | None:
    """A model that has two stages; None in place of any other."""
    return model if isinstance(model, TwoStageSegmentor) else None
