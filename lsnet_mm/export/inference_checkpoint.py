"""Inference checkpoints: weights and the config, and nothing of the training.

A checkpoint may come from anywhere, and its config with it, so that the config is read as data.
mmengine's own reader executes the text. It also takes ``type='os.system'`` for a component and
calls it, and imports whatever ``custom_imports`` names. None of that happens here.
"""

import ast
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import mmengine
import torch
from mmengine.config import Config
from mmengine.utils import import_modules_from_strings
from torch import nn

from ..utils.checkpoint import safe_torch_load
from ..utils.config import config_parts, train_from_scratch, translate
from ..utils.files import is_absolute
from ..version import __version__
from . import ExportError

#: Packages that a config may import from.
TRUSTED_IMPORTS = ('lsnet_mm', 'mmseg', 'mmdet', 'mmpretrain')
# A name in a registry, perhaps with its scope; a longer dotted path would be any object of Python.
# Not with the scopes mmengine and mmcv: these export functions that write files.
_COMPONENT = re.compile(r'((mmseg|mmdet|mmpretrain)\.)?[A-Za-z_]\w*')

#: What a test needs. The rest of a config is about training, or about one machine.
_TEST = ('test_pipeline', 'test_dataloader', 'test_evaluator', 'test_cfg')
KEPT = ('default_scope', 'custom_imports', 'model', 'visualizer', 'vis_backends', *_TEST)


def inference_config(config: Config) -> Config:
    """The part of a config that inference needs, without absolute paths and pretrained weights.

    Raises:
        ExportError: If it names a component otherwise than by its registered name.
    """
    kept = _without_paths({k: value for k, value in config.to_dict().items() if k in KEPT})
    train_from_scratch(kept['model'])
    # Own packages are in order here: whoever reads the file decides whether to trust them.
    packages = {name.split('.')[0] for name in _custom_imports(kept)}
    check_config(kept, (*TRUSTED_IMPORTS, *packages))
    return Config(kept)


def inference_checkpoint(model: nn.Module, config: Config, meta: Mapping) -> bytes:
    """The file of a model, in mmengine's layout: ``state_dict``, and the config in ``meta['cfg']``.

    Args:
        model: Its weights are taken as they are.
        config: What `inference_config` gave.
        meta: That of the training checkpoint; classes, epoch, iteration and calibration are kept.
    """
    # Cloned: a view would take the whole storage that it is a part of with it.
    weights = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
    kept = {
        key: meta[key] for key in ('dataset_meta', 'epoch', 'iter', 'confidence') if key in meta
    }
    kept |= dict(lsnet_mm_version=__version__, mmengine_version=mmengine.__version__)
    file = io.BytesIO()
    torch.save(dict(meta=dict(cfg=config.pretty_text, **kept), state_dict=weights), file)
    return file.getvalue()


def read_checkpoint_config(
    path: str | Path, trusted_imports: Sequence[str] = TRUSTED_IMPORTS
) -> Config:
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
    if modules := _custom_imports(config):
        import_modules_from_strings(modules)
    return Config(config)


def parse_config(text: str) -> dict:
    """What a config in the form of mmengine's ``Config.pretty_text`` says, without running it.

    Args:
        text: Assignments of literals; ``dict(key=value)`` is one.

    Raises:
        ExportError: If there is anything else in it.
    """
    try:
        tree = _Dicts().visit(ast.parse(text))
        parts = [(statement.targets, statement.value) for statement in tree.body]
        return {target.id: ast.literal_eval(value) for [target], value in parts}
    except (SyntaxError, AttributeError, ValueError, TypeError) as error:
        raise ExportError(f'the config does more than assign plain values: {error}') from error


class _Dicts(ast.NodeTransformer):
    """``dict({'a b': 1}, key=2)`` as one dict; any other call stays, and is no literal."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        names = [pair.arg for pair in node.keywords]
        match node.args or [ast.Dict([], [])]:
            case [ast.Dict(keys, values)] if ast.unparse(node.func) == 'dict' and all(names):
                keys = [*keys, *map(ast.Constant, names)]
                return ast.Dict(keys, [*values, *(pair.value for pair in node.keywords)])
        return node


def check_config(config: dict, trusted_imports: Sequence[str] = TRUSTED_IMPORTS) -> None:
    """Refuses a config that names more than registered components.

    Args:
        config: A config's dict.
        trusted_imports: Packages that its ``custom_imports`` may import from.

    Raises:
        ExportError: If a ``type`` is a path to a Python object, or an import is not trusted.
    """
    for name in (part['type'] for part in config_parts(config) if 'type' in part):
        if not (isinstance(name, str) and _COMPONENT.fullmatch(name)):
            raise ExportError(
                f'the config has type={name!r}, which is no name in a registry: '
                'register the component, and use its name'
            )
    for module in _custom_imports(config):
        if str(module).split('.')[0] not in trusted_imports:
            raise ExportError(
                f'the config imports {module!r}; if you trust that package, add its name to '
                'trusted_imports'
            )


def _custom_imports(config: dict) -> list[str]:
    imports = config.get('custom_imports') or {}
    if not isinstance(imports, dict):
        raise ExportError(f'custom_imports should be a dict, got {imports!r}')
    modules = imports.get('imports') or []
    return [modules] if isinstance(modules, str) else list(modules)


def _without_paths(node: object) -> object:
    if isinstance(node, Mapping):
        return {key: _without_paths(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return type(node)(_without_paths(value) for value in node)
    return '' if isinstance(node, str) and is_absolute(node) else node
