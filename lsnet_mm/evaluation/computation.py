"""What a config computes, whatever its wording: the hash that results are filed under."""

import hashlib
import json
import re
from collections.abc import Mapping

from .provenance import is_absolute

#: Raise it when a default or an algorithm changes what the same config computes: results of before
#: then count as another config's.
COMPUTATION = 2

#: Roots of a config that mmengine's Runner reads and that bear on what comes out.
_TRAINING = (
    'default_scope',
    'model',
    'data_preprocessor',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'val_dataloader',  # its scores may stop a training
    'val_cfg',
    'val_evaluator',
    'custom_hooks',
    'compile',
    'sync_bn',
    'activation_checkpointing',
    'efficient_conv_bn_eval',
)
_TEST = ('test_dataloader', 'test_cfg', 'test_evaluator')
#: Hooks that watch, write and draw, and one that does nothing in a lone process.
_WATCHING = {
    'IterTimerHook',
    'RuntimeInfoHook',
    'LoggerHook',
    'CheckpointHook',
    'ResultHook',
    'TwoStageVisualizationHook',
    'SegVisualizationHook',
    'DetVisualizationHook',
    'SyncStatisticsHook',
}
#: What the Runner registers under these names by itself.
_STOCK_HOOKS = {
    'param_scheduler': {'type': 'ParamSchedulerHook'},
    'sampler_seed': {'type': 'DistSamplerSeedHook'},
}
#: Models that read ``test_cfg`` in tests alone. A detector trains on what its own lets through.
_TESTED = ('LSNet', 'RSTN', 'EncoderDecoder', 'CascadeEncoderDecoder', 'KPBBRHead')
#: Keys of paths and names of files, and of how ranks gather scores.
_LOCAL = re.compile(r'((.*_)?(root|dir|file|path|filename)|.+_prefix|collect_device)')
_WEIGHTS = ('checkpoint', 'pretrained')
#: Packages whose components are looked up without a scope.
_UNSCOPED = ('lsnet_mm', 'mmengine', 'mmcv', 'torch')


def config_sha256(config: Mapping, training: bool = False) -> str:
    """Hash what a config computes: its model, data, schedule and test, and :data:`COMPUTATION`.

    Equal for two seeds, on two machines, and however a config is worded: helper names and how bases
    are split, tuples or lists, 1 or 1.0, classes or their registered names. Left out are paths and
    names of files, and what only watches or says where and how a run was started. The data are
    known by a hash of their own.

    Args:
        config: As a dict, such as ``Config.to_dict()``; nothing is built.
        training: Leave out what only a test reads, so that one checkpoint serves several tests.

    Raises:
        TypeError: If a value has no lasting form.
    """
    text = json.dumps(computation(config, training), sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def computation(config: Mapping, training: bool = False) -> dict:
    """What :func:`config_sha256` hashes, as plain values; arguments and errors are those."""
    scope = config.get('default_scope') or 'mmengine'
    roots = _TRAINING if training else _TRAINING + _TEST
    kept = {key: config[key] for key in roots if config.get(key) is not None}
    kept['hooks'] = _hooks(config)
    kept['deterministic'] = bool((config.get('randomness') or {}).get('deterministic'))
    kept['custom_hooks'] = [h for h in kept.get('custom_hooks', ()) if not _watches(h)]
    return {'computation': COMPUTATION} | _plain(kept, scope, training)


def _hooks(config: Mapping) -> list:
    """The default hooks that bear on what comes out, in an order that does not hang on names."""
    named = _STOCK_HOOKS | dict(config.get('default_hooks') or {})
    hooks = [hook for hook in named.values() if hook is not None and not _watches(hook)]
    return sorted(hooks, key=lambda hook: json.dumps(_plain(hook, '', False), sort_keys=True))


def _watches(hook: object) -> bool:
    return isinstance(hook, Mapping) and _name(hook.get('type'), '') in _WATCHING


def _plain(node: object, scope: str, training: bool, key: str = '') -> object:
    if isinstance(node, Mapping):
        tested = training and _name(node.get('type'), scope) in _TESTED
        return {
            str(k): _plain(v, scope, training, str(k))
            for k, v in node.items()
            if not (_is_local(str(k), v) or tested and k == 'test_cfg')
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
    if isinstance(node, float) and node.is_integer():
        return int(node)
    if node is None or isinstance(node, (bool, int, float)):
        return node
    if hasattr(node, '__qualname__'):
        return _name(node, scope)
    raise TypeError(f'cannot hash a config that holds {node!r} of type {type(node).__name__}')


def _is_local(key: str, value: object) -> bool:
    """Whether a setting is a path, or several by name."""
    values = value.values() if isinstance(value, Mapping) else [value]
    return bool(_LOCAL.fullmatch(key)) and all(isinstance(v, str | None) for v in values)


def _name(component: object, scope: str) -> object:
    """A component's name in its registry, with its scope where that is another one."""
    if hasattr(component, '__qualname__'):
        component = f'{component.__module__}.{component.__qualname__}'
    if not isinstance(component, str) or '.' not in component:
        return component
    package, *_, name = component.split('.')
    return name if package in (scope, *_UNSCOPED) else f'{package}.{name}'
