"""Inference checkpoints: weights and the config, and nothing of the training."""

import io
from collections.abc import Mapping

import mmengine
import torch
from mmengine.config import Config
from torch import nn

from ..utils.checkpoint_config import TRUSTED_IMPORTS, check_config, custom_imports
from ..utils.config import train_from_scratch
from ..utils.files import is_absolute
from ..version import __version__

#: What a test needs. The rest of a config is about training, or about one machine.
_TEST = ('test_pipeline', 'test_dataloader', 'test_evaluator', 'test_cfg')
KEPT = ('default_scope', 'custom_imports', 'model', 'visualizer', 'vis_backends', *_TEST)

#: What a training checkpoint says of itself and whoever uses the weights wants to know.
KEPT_META = ('name', 'dataset_meta', 'epoch', 'iter', 'seed', 'trained_on', 'confidence')


def inference_config(config: Config) -> Config:
    """The part of a config that inference needs, without absolute paths and pretrained weights.

    Raises:
        ConfigTextError: If it names a component otherwise than by its registered name.
    """
    kept = _without_paths({k: value for k, value in config.to_dict().items() if k in KEPT})
    train_from_scratch(kept['model'])
    # Own packages are in order here: whoever reads the file decides whether to trust them.
    packages = {name.split('.')[0] for name in custom_imports(kept)}
    check_config(kept, (*TRUSTED_IMPORTS, *packages))
    return Config(kept)


def inference_checkpoint(
    model: nn.Module, config: Config, meta: Mapping, half: bool = False
) -> bytes:
    """The file of a model, in mmengine's layout: ``state_dict``, and the config in ``meta['cfg']``.

    Args:
        model: Its weights are taken as they are.
        config: What `inference_config` gave.
        meta: That of the training checkpoint; :data:`KEPT_META` is kept.
        half: Hold kernels in half precision, for half the size. Biases and statistics, which are
            few, stay as they are; whoever loads it computes in float32 as before.
    """
    # Cloned: a view would take the whole storage that it is a part of with it.
    weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    if half:
        weights = {
            k: v.half() if v.is_floating_point() and v.ndim > 1 else v for k, v in weights.items()
        }
    kept = {key: meta[key] for key in KEPT_META if key in meta}
    kept |= dict(lsnet_mm_version=__version__, mmengine_version=mmengine.__version__)
    file = io.BytesIO()
    torch.save(dict(meta=dict(cfg=config.pretty_text, **kept), state_dict=weights), file)
    return file.getvalue()


def _without_paths(node: object) -> object:
    if isinstance(node, Mapping):
        return {key: _without_paths(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_without_paths(value) for value in node)
    return '' if isinstance(node, str) and is_absolute(node) else node
