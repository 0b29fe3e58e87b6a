"""Inference checkpoints: weights and the config, and nothing of the training."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import mmengine
import torch
from mmengine.config import Config
from mmengine.utils import import_modules_from_strings
from torch import nn

from ..utils.checkpoint import safe_torch_load
from ..utils.config import train_from_scratch, translate
from ..utils.files import is_absolute
from ..version import __version__
from . import ExportError
from .config_text import TRUSTED_IMPORTS, check_config, custom_imports, parse_config

#: What a test needs. The rest of a config is about training, or about one machine.
KEPT = (
    'default_scope',
    'custom_imports',
    'model',
    'test_pipeline',
    'test_dataloader',
    'test_evaluator',
    'test_cfg',
    'visualizer',
    'vis_backends',
)


def inference_config(config: Config) -> Config:
    """The part of a config that inference needs, without absolute paths and pretrained weights.

    Raises:
        ExportError: If it names a component otherwise than by its registered name.
    """
    kept = {key: value for key, value in config.to_dict().items() if key in KEPT}
    kept = _without_paths(kept)
    train_from_scratch(kept['model'])
    # Own packages are in order here: whoever reads the file decides whether to trust them.
    packages = {name.split('.')[0] for name in custom_imports(kept)}
    check_config(kept, (*TRUSTED_IMPORTS, *packages))
    return Config(kept)


def inference_checkpoint(model: nn.Module, config: Config, meta: Mapping) -> bytes:
    """The file of a model, in mmengine's layout: ``state_dict``, and the config in ``meta['cfg']``.

    Args:
        model: Its weights are taken as they are.
        config: What `inference_config` gave.
        meta: That of the training checkpoint; classes, epoch and iteration are kept.
    """
    # Cloned: a view would take the whole storage that it is a part of with it.
    weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    kept = {key: meta[key] for key in ('dataset_meta', 'epoch', 'iter') if key in meta}
    versions = dict(lsnet_mm_version=__version__, mmengine_version=mmengine.__version__)
    file = io.BytesIO()
    torch.save(
        dict(meta=dict(cfg=config.pretty_text, **kept, **versions), state_dict=weights), file
    )
    return file.getvalue()


def read_config(path: str | Path, trusted_imports: Sequence[str] = TRUSTED_IMPORTS) -> Config:
    """The config in a checkpoint, of `tools/export.py` or of mmengine's training.

    Neither the checkpoint nor the config can run code of its own. The modules that the config
    names in ``custom_imports`` are imported, as by ``Config.fromfile``.

    Args:
        path: The checkpoint.
        trusted_imports: Packages that it may import from.

    Raises:
        UnsafeCheckpointError: If the checkpoint holds more than weights and training state.
        ExportError: If there is no config in it, or one that is more than values and names.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint not found: {path}')
    checkpoint = safe_torch_load(path)
    meta = checkpoint.get('meta') if isinstance(checkpoint, Mapping) else None
    text = meta.get('cfg') if isinstance(meta, Mapping) else None
    if not isinstance(text, str):
        raise ExportError(f'{path} has no config in it: pass the config beside it')
    try:
        config = parse_config(text)
        check_config(config, trusted_imports)
    except ExportError as error:
        raise ExportError(f'{path}: {error}') from error
    translate(config, meta.get('lsnet_mm_version', ''))
    if modules := custom_imports(config):
        import_modules_from_strings(modules)
    return Config(config)


def _without_paths(node: object) -> object:
    if isinstance(node, Mapping):
        return {key: _without_paths(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_without_paths(value) for value in node)
    return '' if isinstance(node, str) and is_absolute(node) else node
