"""Parts of configs: which there are, which name pretrained weights, what old ones are called."""

import re
from collections.abc import Iterator
from importlib.util import find_spec

from mmengine.config import Config

_IN_PIXELS = ('', '0.1.0')
_ROUNDS = dict(rounds=1, agreement=0.95)  # the wrapper's own defaults


def config_parts(node: object) -> Iterator[dict]:
    """All dicts in a (nested) config, outer ones first; what a caller takes out is not entered."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list | tuple):
        for child in node:
            yield from config_parts(child)


def pretrained_parts(cfg: dict) -> Iterator[tuple[dict, str]]:
    """The parts of a (nested) config that name weights, and under which key they do."""
    for part in config_parts(cfg):
        init_cfg = part.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            yield part, 'init_cfg'
        if isinstance(part.get('pretrained'), str):
            yield part, 'pretrained'


def train_from_scratch(model_cfg: dict) -> None:
    """Removes pretrained weights from a model's config: parts start from random weights."""
    for part, key in pretrained_parts(model_cfg):
        part[key] = None


def missing_for_pretrained(model_cfg: dict) -> str | None:
    """What is missing to load the weights, as a message; None if nothing is."""
    texts = ' '.join(str(part[key]) for part, key in pretrained_parts(model_cfg))
    wanted = sorted({*re.findall(r'torchvision://\w+', texts)})
    if not wanted or find_spec('torchvision'):
        return None
    return (
        f'{", ".join(wanted)} needs torchvision, which is not installed. '
        "Either pip install 'lsnet_mm[pretrained]', or train with --from-scratch."
    )


def translate(config: Config | dict, version: str | None = None) -> None:
    """Rewrites, in place, what this version has other words for.

    - The wrapper ``MultiRound`` became the setting ``test_cfg=dict(rounds=, agreement=)`` of the
      two-stage model that it wrapped; weights were saved under that model's names. A config that
      inherits one without the wrapper may still speak of ``model.model`` and ``model.rounds``.
    - ``channels`` of a grey slice became the affair of the data preprocessor.
    - ``margin`` was in pixels of the image, whatever its width; a config that says nothing of the
      ``reference_width`` is known to be so old only where the version is.

    Args:
        config: One as read, from a file or out of a checkpoint, options included.
        version: Of lsnet_mm that wrote it, where that is known; ``''`` for one that left no mark.
    """
    model = config.get('model')
    if isinstance(model, dict):
        if str(model.get('type')).split('.')[-1] == 'MultiRound':
            config['model'] = _unwrap(model['model'], _ROUNDS | model)
        elif 'localizer' in model and {'model', *_ROUNDS} & model.keys():
            inner = Config._merge_a_into_b(model.pop('model', {}), model)
            config['model'] = _unwrap(inner, model)
    for part in config_parts(config._cfg_dict if isinstance(config, Config) else config):
        if part.get('type') in ('LoadCTSlice', 'CTSliceFromMemory'):
            part.pop('channels', None)
        if version in _IN_PIXELS and part.get('type') in ('RoIRecalibration', 'HardCrop'):
            part.setdefault('reference_width', None)


def _unwrap(model: dict, wrapper: dict) -> dict:
    """The model with the wrapper's settings among its own."""
    rounds = {key: wrapper[key] for key in _ROUNDS if key in wrapper}
    model = {key: value for key, value in model.items() if key not in _ROUNDS}
    model['test_cfg'] = {**(model.get('test_cfg') or {}), **rounds}
    if wrapper.get('data_preprocessor'):
        model['data_preprocessor'] = wrapper['data_preprocessor']
    return model
