from collections.abc import Sequence

import torch
from mmengine.hooks import Hook
from torch import nn

from ...registry import HOOKS


@HOOKS.register_module()
class ChannelsLastHook(Hook):
    """Keeps weights and maps in channels-last order, which makes convolutions faster.

    A narrow U-Net on a CPU trains about a third faster; the results are the same up to rounding.

    Args:
        devices: Kinds of device to do so on, such as ``('cpu',)``; on any by default.
        weights: False leaves the weights alone and turns what goes into backbones. That is as fast,
            and for Adam with ``fused=True`` on a CPU: on weights in channels-last order its step
            takes three times as long, and torch 2.13 computes a wrong one where a gradient comes
            in another order.
    """

    def __init__(self, devices: Sequence[str] | None = None, weights: bool = True) -> None:
        self.devices = devices
        self.weights = weights

    def before_run(self, runner) -> None:
        model = runner.model
        if self.devices and next(model.parameters()).device.type not in self.devices:
            return
        if self.weights:
            self._check_fused(runner, model)
            model.to(memory_format=torch.channels_last)
            return
        for net in list(model.modules()):
            if isinstance(getattr(net, 'backbone', None), nn.Module):
                net.backbone.register_forward_pre_hook(_channels_last)

    @staticmethod
    def _check_fused(runner, model: nn.Module) -> None:
        optimizer = getattr(getattr(runner, 'optim_wrapper', None), 'optimizer', None)
        if not isinstance(optimizer, torch.optim.Optimizer):  # a test builds none
            return
        on_cpu = next(model.parameters()).device.type == 'cpu'
        if on_cpu and optimizer.defaults.get('fused'):
            raise ValueError(
                'ChannelsLastHook: an optimizer with fused=True on a CPU wants weights=False, or '
                'fused=False.'
            )


def _channels_last(module: nn.Module, args: tuple) -> tuple:
    return (args[0].contiguous(memory_format=torch.channels_last), *args[1:])
