"""Optimisers over several nets."""

import copy

import torch
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from torch import nn

from ..registry import OPTIM_WRAPPER_CONSTRUCTORS, OPTIM_WRAPPERS, OPTIMIZERS
from ..utils.versions import fused_where_it_can_be, has_fused_on_cpu

# The paper's schedule asks for a fused step, whatever trains it.
for _name in () if has_fused_on_cpu() else ('Adam', 'AdamW'):
    _optimizer = fused_where_it_can_be(getattr(torch.optim, _name))
    OPTIMIZERS.register_module(name=_name, module=_optimizer, force=True)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class PerNetConstructor:
    """One optimiser over several nets, the parameters of each grouped by a rule of its own.

    For constructors that expect a whole model, such as MMSegmentation's layer-wise decay of
    learning rates, which look for ``model.backbone``::

        optim_wrapper = dict(
            constructor='PerNetConstructor',
            paramwise_cfg=dict(
                segmentor=dict(
                    constructor='LearningRateDecayOptimizerConstructor',
                    decay_rate=0.9, decay_type='layer_wise', num_layers=6,
                ),
                localizer=dict(bias_lr_mult=2.0),
            ),
        )

    Args:
        optim_wrapper_cfg: Of the wrapper, with its ``optimizer``.
        paramwise_cfg: For nets by name: a ``paramwise_cfg``, and the ``constructor`` it is for
            (mmengine's own by default). What has no entry gets the optimiser's settings.

    Raises:
        ValueError: If the model has no net of that name.
    """

    def __init__(self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None) -> None:
        self.optim_wrapper_cfg = optim_wrapper_cfg
        self.nets = paramwise_cfg or {}

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """The wrapper, all parameters in it once."""
        model = model.module if is_model_wrapper(model) else model
        groups = []
        for name, rule in self.nets.items():
            groups += self._groups(model, name, dict(rule))
        ruled = {id(p) for group in groups for p in group['params']}
        rest = [p for p in model.parameters() if p.requires_grad and id(p) not in ruled]
        cfg = copy.deepcopy(self.optim_wrapper_cfg)
        cfg.setdefault('type', 'OptimWrapper')
        optimizer = dict(cfg.pop('optimizer'), params=groups + [dict(params=rest)] * bool(rest))
        return OPTIM_WRAPPERS.build(cfg, default_args=dict(optimizer=OPTIMIZERS.build(optimizer)))

    def _groups(self, model: nn.Module, name: str, rule: dict) -> list[dict]:
        net = getattr(model, name, None)
        if not isinstance(net, nn.Module):
            parts = ', '.join(part for part, _ in model.named_children())
            raise ValueError(f'PerNetConstructor: there is no net {name!r} in the model: {parts}.')
        constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
            dict(
                type=rule.pop('constructor', 'DefaultOptimWrapperConstructor'),
                optim_wrapper_cfg=copy.deepcopy(self.optim_wrapper_cfg),
                paramwise_cfg=rule,
            )
        )
        groups = constructor(net).optimizer.param_groups
        for group in groups:
            group.pop('param_names', None)  # torch wants these in all groups or in none
        return groups
