"""The config in a checkpoint, read as data: the file may come from anywhere.

mmengine's own reader executes the text. It also takes ``type='os.system'`` for a component and
calls it, and imports whatever ``custom_imports`` names. None of that happens here.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.utils import import_modules_from_strings

from .checkpoint import safe_torch_load
from .config import config_parts, translate

__all__ = ['TRUSTED_IMPORTS', 'ConfigTextError', 'read_checkpoint_config']

#: Packages that a config may import from.
TRUSTED_IMPORTS = ('lsnet_mm', 'mmseg', 'mmdet', 'mmpretrain')
# A name in a registry, perhaps with its scope; a longer dotted path would be any object of Python.
# Not with the scopes mmengine and mmcv: these export functions that write files.
_COMPONENT = re.compile(r'((mmseg|mmdet|mmpretrain)\.)?[A-Za-z_]\w*')


class ConfigTextError(ValueError):
    """A config in a checkpoint is not there, or is more than values and names."""


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
        ConfigTextError: If there is no config in it, or one that is more than values and names.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'checkpoint not found: {path}')
    checkpoint = safe_torch_load(path)
    meta = checkpoint.get('meta') if isinstance(checkpoint, Mapping) else None
    text = meta.get('cfg') if isinstance(meta, Mapping) else None
    if not isinstance(text, str):
        raise ConfigTextError(f'{path} has no config in it: pass the config beside it')
    try:
        config = parse_config(text)
        check_config(config, trusted_imports)
    except ConfigTextError as error:
        raise ConfigTextError(f'{path}: {error}') from error
    translate(config, meta.get('lsnet_mm_version', ''))
    if modules := custom_imports(config):
        import_modules_from_strings(modules)
    return Config(config)


def parse_config(text: str) -> dict:
    """What a config in the form of mmengine's ``Config.pretty_text`` says, without running it.

    Args:
        text: Assignments of literals; ``dict(key=value)`` is one.

    Raises:
        ConfigTextError: If there is anything else in it.
    """
    try:
        tree = _Dicts().visit(ast.parse(text))
        parts = [(statement.targets, statement.value) for statement in tree.body]
        return {target.id: ast.literal_eval(value) for [target], value in parts}
    except (SyntaxError, AttributeError, ValueError, TypeError) as error:
        raise ConfigTextError(f'the config does more than assign plain values: {error}') from error


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
        ConfigTextError: If a ``type`` is a path to a Python object, or an import is not trusted.
    """
    for name in (part['type'] for part in config_parts(config) if 'type' in part):
        if not (isinstance(name, str) and _COMPONENT.fullmatch(name)):
            raise ConfigTextError(
                f'the config has type={name!r}, which is no name in a registry: '
                'register the component, and use its name'
            )
    for module in custom_imports(config):
        if str(module).split('.')[0] not in trusted_imports:
            raise ConfigTextError(
                f'the config imports {module!r}: give the config as a file beside the checkpoint '
                '(-m CONFIG CHECKPOINT), or if you trust that package, in Python, add its name to '
                'trusted_imports'
            )


def custom_imports(config: dict) -> list[str]:
    """The modules that a config imports."""
    imports = config.get('custom_imports') or {}
    if not isinstance(imports, dict):
        raise ConfigTextError(f'custom_imports should be a dict, got {imports!r}')
    modules = imports.get('imports') or []
    return [modules] if isinstance(modules, str) else list(modules)
