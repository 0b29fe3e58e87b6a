"""What a config computes, whatever its wording: the hash that results are filed under."""

import hashlib
import json
import re
from collections.abc import Mapping

from ..utils.config import config_parts
from ..utils.files import is_absolute

#: Raise it when a default or an algorithm changes what the same config computes: results of before
#: then count as another config's.
COMPUTATION = 2

#: Roots of a config that mmengine's Runner reads and that bear on what comes out.
_TRAINING = ('default_scope', 'model', 'data_preprocessor', 'train_dataloader', 'train_cfg')
_TRAINING += ('optim_wrapper', 'param_scheduler', 'auto_scale_lr', 'compile', 'sync_bn')
_TRAINING += ('activation_checkpointing', 'efficient_conv_bn_eval')
_VALIDATION = ('val_dataloader', 'val_cfg', 'val_evaluator')
_TEST = ('test_dataloader', 'test_cfg', 'test_evaluator')
#: Hooks that watch, write and draw, and one that does nothing in a lone process.
_WATCHING = {'IterTimerHook', 'RuntimeInfoHook', 'LoggerHook', 'CheckpointHook', 'ResultHook'}
_WATCHING |= {'TwoStageVisualizationHook', 'SegVisualizationHook', 'DetVisualizationHook'}
_WATCHING |= {'SyncStatisticsHook', 'DurableCheckpointHook', 'CheckHook', 'ProgressHook'}
_WATCHING |= {'TrainedOnHook'}
#: What the Runner registers under these names by itself.
_STOCK_HOOKS = {
    'param_scheduler': {'type': 'ParamSchedulerHook'},
    'sampler_seed': {'type': 'DistSamplerSeedHook'},
}
#: What no training reads of a part. A detector trains on what its own ``test_cfg`` lets through.
_TESTED = {
    'LSNet': {'test_cfg'},
    'RSTN': {'test_cfg'},
    'EncoderDecoder': {'test_cfg'},
    'CascadeEncoderDecoder': {'test_cfg'},
    'KPBBRHead': {'test_cfg'},
    'SegDataPreProcessor': {'test_cfg'},
    'DetectorLocalizer': {'score_thr', 'max_per_img'},
}
#: Keys of paths and names of files, of how data and scores get from process to process, and of what
#: is only said of data (and goes with the checkpoint).
_LOCAL = re.compile(r'((.*_)?(root|dir|file|path|filename)|.+_prefix)')
_TRANSPORT = {'collect_device', 'pin_memory', 'prefetch_factor'}
_SAID = {'facts'}
#: Data that are not augmented are the same from any number of workers.
_WORKERS = {'num_workers', 'persistent_workers'}
_WEIGHTS = ('checkpoint', 'pretrained')


def config_sha256(config: Mapping, training: bool = False) -> str:
    """Hash what a config computes: its model, data, schedule and test, and :data:`COMPUTATION`.

    Equal for two seeds, on two machines, and however a config is worded: helper names and how bases
    are split, tuples or lists, 1 or 1.0, classes of the scope or their registered names. Left out
    are paths and names of files, and what only watches or says where and how a run was started. The
    data are known by a hash of their own.

    Args:
        config: As a dict, such as ``Config.to_dict()``; nothing is built.
        training: Leave out what only a test reads, so that one checkpoint serves several tests;
            what validation reads, too, unless something in the training monitors its scores.

    Raises:
        TypeError: If a value has no lasting form.
    """
    scope = config.get('default_scope') or 'mmengine'
    # The default hooks in the order of their types: names only serve to override them.
    named = _STOCK_HOOKS | dict(config.get('default_hooks') or {})
    default = [hook for hook in named.values() if hook is not None]
    default.sort(key=lambda hook: str(_name(hook['type'], '')).split('.')[-1])
    hooks = [*default, *(config.get('custom_hooks') or ())]
    hooks = [hook for hook in hooks if _name(hook['type'], scope) not in _WATCHING]
    scored = any('monitor' in p for p in config_parts([hooks, config.get('param_scheduler')]))
    roots = _TRAINING + (_VALIDATION if scored or not training else ())
    kept = {key: config[key] for key in roots + (() if training else _TEST) if config.get(key)}
    for loader in {'val_dataloader', 'test_dataloader'} & kept.keys():
        kept[loader] = {k: v for k, v in kept[loader].items() if k not in _WORKERS}
    kept['hooks'] = hooks
    kept['deterministic'] = bool((config.get('randomness') or {}).get('deterministic'))
    computed = {'computation': COMPUTATION} | _plain(kept, scope, training and not scored)
    text = json.dumps(computed, sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(node: object, scope: str, training: bool, key: str = '') -> object:
    if isinstance(node, Mapping):
        left_out = _TESTED.get(_name(node.get('type'), scope), set()) if training else set()
        return {
            str(k): _plain(v, scope, training, str(k))
            for k, v in node.items()
            if not (k in left_out | _TRANSPORT | _SAID or _is_local(str(k), v))
        }
    if isinstance(node, (list, tuple)):
        return [_plain(value, scope, training) for value in node]
    if isinstance(node, (set, frozenset)):
        return sorted(_plain(value, scope, training) for value in node)
    if isinstance(node, str):
        if key == 'type':
            return _name(node, scope)
        local = is_absolute(node) or key in _WEIGHTS and '://' not in node
        return '' if local else node
    if isinstance(node, bool) or isinstance(node, float) and node.is_integer():
        return int(node)
    if node is None or isinstance(node, (int, float)):
        return node
    if hasattr(node, '__qualname__'):
        return _name(node, scope)
    raise TypeError(f'cannot hash a config that holds {node!r} of type {type(node).__name__}')


def _is_local(key: str, value: object) -> bool:
    """Whether a setting is a path, or several by name."""
    values = value.values() if isinstance(value, Mapping) else [value]
    return bool(_LOCAL.fullmatch(key)) and all(isinstance(v, str | None) for v in values)


def _name(component: object, scope: str) -> object:
    """A component's name in its registry, with its package where that is neither ours nor the
    scope's: others may have another one of that name."""
    if hasattr(component, '__qualname__'):
        component = f'{component.__module__}.{component.__qualname__}'
    if not isinstance(component, str) or '.' not in component:
        return component
    package, *_, name = component.split('.')
    return name if package in (scope, 'lsnet_mm') else f'{package}.{name}'
