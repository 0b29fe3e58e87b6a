"""Trained models: a config, and the weights that were trained with it."""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from textwrap import shorten

import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from ..evaluation.computation import config_sha256
from ..models.utils.compile_nets import check_compiler, compile_nets
from ..utils import read_config, safe_torch_load
from ..utils.checkpoint_config import read_checkpoint_config
from ..utils.config import translate
from ..utils.machine import find_device
from ..version import __version__
from .weights import card_of


class WrongCheckpointError(ValueError):
    """The weights of a checkpoint are not those of the config's model."""


def read_model_config(config: str | Path | Config, options: Mapping | None = None) -> Config:
    """A config with everything registered that it needs; a file is read as by `read_config`."""
    if isinstance(config, Config):
        translate(config)
    else:
        config = read_config(config, options)
    init_default_scope(config.get('default_scope', 'mmseg'))
    return config


def model_config(config: str | Path | Config | None, checkpoint: str | Path) -> Config:
    """The config of a model; None is that in its checkpoint."""
    return read_model_config(read_checkpoint_config(checkpoint) if config is None else config)


def build_model(config: str | Path | Config, options: Mapping | None = None) -> nn.Module:
    """The model of a config with random weights, whatever pretrained ones it names.

    Args:
        config: File, or a config that was read.
        options: Over those of a file, by dotted path.

    Returns:
        nn.Module: In training mode, on the CPU, with ``cfg``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a setting does nothing.
    """
    cfg = read_model_config(config, options)
    model = MODELS.build(cfg.model)
    model.cfg = cfg
    return model


def load_model(
    config: str | Path | Config | None,
    checkpoint: str | Path,
    device: str | torch.device | None = None,
    unsafe_checkpoint: bool = False,
    compile: bool = False,
) -> nn.Module:
    """A trained model in evaluation mode, with every weight from its checkpoint.

    Args:
        config: That the model was trained with; None is that in the checkpoint.
        checkpoint: Local file, of a training run or exported.
        device: By default a GPU if there is one.
        unsafe_checkpoint: Let the file run code when it is loaded; only if you trust it.
        compile: Compile its nets with ``torch.compile``, in the first batches of each size.

    Returns:
        nn.Module: With ``cfg``, ``dataset_meta``: its ``classes``, background first; and, None if
        the checkpoint has none, ``trained_on``, what it says of its data (see
        :class:`~lsnet_mm.engine.hooks.TrainedOnHook`), and ``confidence``, of
        ``lsnet_mm.evaluation.calibration.calibrate``.

    Raises:
        FileNotFoundError: If there is no such file.
        UnsafeCheckpointError: If the checkpoint holds more than weights and training state.
        WrongCheckpointError: If it lacks a weight of the model, or has another or another shape.
        ValueError: If the device is not there, or it is to be compiled and has no nets.
        RuntimeError: If it is to be compiled, and the machine cannot.
    """
    device, path = find_device(device), Path(checkpoint).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint not found: {checkpoint}')
    cfg = model_config(config, path)
    load = partial(torch.load, weights_only=False) if unsafe_checkpoint else safe_torch_load
    content = load(path, map_location='cpu')
    model = build_model(cfg)
    load_weights(model, content, path.name)
    model.dataset_meta = dict(classes=_classes(model, content))
    model.trained_on = _meta(content).get('trained_on')
    model.confidence = _meta(content).get('confidence')
    if device.type == 'cpu':
        model = revert_sync_batchnorm(model)
    model = to_device(model, device)
    if compile:
        compile_nets(model)
        check_compiler(device)
    return model.eval()


def to_device(model: nn.Module, device: str | torch.device) -> nn.Module:
    """The model on a device, on a CPU in channels-last order: there convolutions take about four
    fifths of the time in it."""
    if torch.device(device).type == 'cpu':
        model = model.to(memory_format=torch.channels_last)
    return model.to(device)


def model_identity(
    config: str | None, checkpoint: str | Path, dtype: str = 'float32', compile: bool = False
) -> dict:
    """Name and hashes of two files, without paths, for the record of what they have segmented; and
    what the nets compute in and whether they are compiled, where that is not the default. Without
    a config it is that in the checkpoint; of weights that come along, what their card says."""
    content, card = model_config(config, checkpoint), card_of(checkpoint)
    return {
        'name': Path(config or checkpoint).stem,
        **({'comes_along': card['summary']} if card else {}),
        'config_sha256': config_sha256(content.to_dict()),
        'checkpoint_sha256': hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest(),
        'lsnet_mm': __version__,
        **({'dtype': dtype} if dtype != 'float32' else {}),
        **({'compile': True} if compile else {}),
    }


def load_weights(model: nn.Module, content: object, name: str) -> None:
    """Gives a model every weight of a checkpoint, or refuses it; mmengine's loading would warn.

    Args:
        model: Of the config.
        content: The checkpoint: weights by name, or a dict with them in ``state_dict``.
        name: Of the checkpoint, for the error.

    Raises:
        WrongCheckpointError: If it lacks a weight of the model, or has another or another shape.
    """
    weights = content.get('state_dict', content) if isinstance(content, Mapping) else {}
    weights = {str(k).removeprefix('module.'): v for k, v in weights.items()}
    weights = {k: v for k, v in weights.items() if isinstance(v, torch.Tensor)}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        # A line of every weight that is missing, one of those that are unknown, and one a shape.
        reasons = [shorten(line, 120, placeholder=' ...') for line in str(error).splitlines()[1:4]]
        raise WrongCheckpointError(
            f'{name} is no checkpoint of this config: {" ".join(reasons)} '
            'Give the config that it was trained with.'
        ) from error


def _meta(content: Mapping) -> Mapping:
    return content.get('meta') or {}


def _classes(model: nn.Module, content: Mapping) -> tuple[str, ...]:
    """Those that the checkpoint names, if they fit the model; else numbers."""
    count = model.num_classes
    names = (_meta(content).get('dataset_meta') or {}).get('classes') or ()
    numbers = ('background', *(f'class {k}' for k in range(1, count)))
    choices = (tuple(map(str, names)), ('background', 'pancreas'), numbers)
    return next(choice for choice in choices if len(choice) == count)
