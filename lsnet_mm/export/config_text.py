"""The text of a config, read as data: a checkpoint may come from anywhere, and its config with it.

mmengine's own reader executes the text. It also takes ``type='os.system'`` for a component and
calls it, and imports whatever ``custom_imports`` names. None of that happens here.
"""

import ast
import re
from collections.abc import Iterator, Sequence

from . import ExportError

#: Packages that a config may import from.
TRUSTED_IMPORTS = ('lsnet_mm', 'mmseg', 'mmdet', 'mmpretrain')
# A name in a registry, perhaps with its scope; a longer dotted path would be any object of Python.
# Not with the scopes mmengine and mmcv: these export functions that write files.
_COMPONENT = re.compile(r'((mmseg|mmdet|mmpretrain)\.)?[A-Za-z_]\w*')


def parse_config(text: str) -> dict:
    """What a config in the form of mmengine's ``Config.pretty_text`` says, without running it.

    Args:
        text: Assignments of literals; ``dict(key=value)`` is one.

    Raises:
        ExportError: If there is anything else in it.
    """
    try:
        statements = ast.parse(text).body
    except (SyntaxError, ValueError) as error:
        raise ExportError(f'the config is no Python: {error}') from error
    config = {}
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]):
                config[name] = _value(statement.value)
            case _:
                raise ExportError(f'the config does more than assign values: {_text(statement)}')
    return config


def check_config(config: dict, trusted_imports: Sequence[str] = TRUSTED_IMPORTS) -> None:
    """Refuses a config that names more than registered components.

    Args:
        config: A config's dict.
        trusted_imports: Packages that its ``custom_imports`` may import from.

    Raises:
        ExportError: If a ``type`` is a path to a Python object, or an import is not trusted.
    """
    for name in _types(config):
        if not (isinstance(name, str) and _COMPONENT.fullmatch(name)):
            raise ExportError(
                f'the config has type={name!r}, which is no name in a registry: '
                'register the component, and use its name'
            )
    for module in custom_imports(config):
        if str(module).split('.')[0] not in trusted_imports:
            raise ExportError(
                f'the config imports {module!r}; if you trust that package, add its name to '
                'trusted_imports'
            )


def custom_imports(config: dict) -> list[str]:
    """The modules that a config asks mmengine to import."""
    imports = config.get('custom_imports') or {}
    if not isinstance(imports, dict):
        raise ExportError(f'custom_imports should be a dict, got {imports!r}')
    modules = imports.get('imports') or []
    return [modules] if isinstance(modules, str) else list(modules)


def _types(node: object) -> Iterator[object]:
    if isinstance(node, dict):
        if 'type' in node:
            yield node['type']
        node = node.values()
    elif not isinstance(node, list | tuple | set):
        return
    for child in node:
        yield from _types(child)


def _value(node: ast.expr) -> object:
    match node:
        case ast.Call(func=ast.Name(id='dict'), args=args, keywords=keywords) if len(args) < 2:
            pairs = [(keyword.arg, _value(keyword.value)) for keyword in keywords]
            start = _value(args[0]) if args else {}
            if isinstance(start, dict) and all(key for key, _ in pairs):
                return start | dict(pairs)
        case ast.Dict(keys=keys, values=values) if all(keys):
            return dict(zip(map(_value, keys), map(_value, values), strict=True))
        case ast.List(elts=elements):
            return [_value(element) for element in elements]
        case ast.Tuple(elts=elements):
            return tuple(_value(element) for element in elements)
        case _:
            try:
                return ast.literal_eval(node)
            except (ValueError, TypeError):
                pass
    raise ExportError(f'the config holds what is no plain value: {_text(node)}')


def _text(node: ast.AST) -> str:
    return ast.unparse(node)[:80]
