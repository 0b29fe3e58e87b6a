"""Settings that do nothing are refused.

A config is composed by names, and mmengine keeps them in its root when it is done: copies that
nothing reads. Setting one would change nothing, and mmengine would say nothing.
"""

import ast
import difflib
import inspect
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from .config import translate
from .openmmlab import allow_external_configs

#: Read by other scripts, before options are merged, or overruled by an argument.
NO_OPTIONS = {
    'custom_imports',
    'init_weights_for_test_or_val',
    'launcher',
    'runner_type',
    'strategy',
    'tta_model',
    'tta_pipeline',
}
#: What is read in the root of a config: by mmengine, and by the tools of OpenMMLab and ours.
READ = {*inspect.signature(Runner.__init__).parameters} - {'self', 'cfg'} | NO_OPTIONS
READ |= {'activation_checkpointing', 'compile', 'efficient_conv_bn_eval', 'find_unused_parameters'}
READ |= {'model_wrapper_cfg', 'sync_bn', 'test_pipeline'}
#: Read in the root only where the config has nothing at the path.
FALLBACKS = {
    'data_preprocessor': 'model.data_preprocessor',
    'test_pipeline': 'test_dataloader.dataset.pipeline',
}
_SHOWN = 5
_MORE = 'docs/configs.md has the commonest changes. (In a file a list is set as a whole.)'


def read_config(path: str | Path, options: Mapping | None = None) -> Config:
    """Read a config, with options that go over it; every tool reads configs by this.

    Args:
        options: Values by dotted path, as ``--cfg-options`` gives them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file or an option sets what nothing reads.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'config not found: {path}')
    allow_external_configs()
    check_file(path)
    config = Config.fromfile(path)
    check_options(config, options or {})
    config.merge_from_dict(dict(options or {}))
    translate(config)
    return config


def check_options(config: Config, options: Mapping) -> None:
    """Goes on only if each option has a root that is read.

    Raises:
        ValueError: With the paths of this config that work instead.
    """
    content, refused = config.to_dict(), []
    for name, value in options.items():
        root = name.split('.')[0]
        if root in NO_OPTIONS:
            where = '--launcher' if root == 'launcher' else f'{root!r} in a config file'
            refused.append(f'{name} changes nothing as an option: set {where}.')
        elif not _is_read(root, content):
            hint = _hint(name, value, content, content)
            refused.append(f'{name} changes nothing: nothing reads {root!r} in a config. {hint}')
    if refused:
        raise ValueError('\n'.join([*refused, _MORE]))


def check_file(path: str | Path) -> None:
    """Goes on only if a config and its bases, as far as they are files beside it, use each name
    that they assign. A file without ``_base_`` may have any: it is there to be inherited.

    Raises:
        ValueError: With file, line, name, and the paths of this config that work instead.
    """
    dead = list(_dead_names(Path(path), READ - FALLBACKS.keys()))
    content, refused = _read(path) if dead else {}, []
    for file, line, name in dead:
        if not _is_read(name, content):
            before = content.copy()
            for base in Config._get_base_files(file):
                before |= _read(Config._get_cfg_path(base, str(file))[0])
            refused.append(
                f'{file}, line {line}: {name} changes nothing: nothing reads it in a config, and '
                f'this file does not use it. {_hint(name, content.get(name), content, before)}'
            )
    if refused:
        raise ValueError('\n'.join([*refused, _MORE]))


def _read(path: str | Path) -> dict:
    return Config.fromfile(path, import_custom_modules=False).to_dict()


def _dead_names(path: Path, read: Set[str]) -> Iterator[tuple[Path, int, str]]:
    """File, line and name of top-level assignments that a file with a base does not go on to use,
    and of those in its bases.

    They are found in the text; nothing in it is run. Functions, classes, imports and names with an
    underscore pass, and what an ``if`` or a loop assigns. So does an unpacking if one of its names
    is used.

    Args:
        read: Names that are read from outside of the file.
    """
    # A base with `::` is no file here, and not its reader's to mend.
    if path.suffix != '.py' or not path.is_file() or not (bases := Config._get_base_files(path)):
        return
    tree = ast.parse(path.read_text(encoding='utf-8'), str(path))
    # A function may be called after the assignment, wherever it stands.
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    for k, statement in enumerate(tree.body):
        used = read.union(*(_names(n, stored=False) for n in (*tree.body[k + 1 :], *functions)))
        single = isinstance(statement, ast.AnnAssign | ast.AugAssign)
        for target in [statement.target] if single else getattr(statement, 'targets', ()):
            names = _names(target, stored=True)
            if not any(name in used or name.startswith('_') for name in names):
                yield from ((path, statement.lineno, name) for name in names)
    # `_base_.x`, `_base_['x']`, `_base_.get('x')` or `{{ _base_.x }}`.
    taken = re.findall(r'\b_base_(?:\.get\(|[.\[])\W*(\w+)', ast.unparse(tree))
    for base in bases:
        yield from _dead_names(path.parent / base, read.union(taken))


def _names(tree: ast.AST, stored: bool) -> list[str]:
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return [name.id for name in names if isinstance(name.ctx, ast.Store) == stored]


def _is_read(root: str, content: dict) -> bool:
    return root in READ and FALLBACKS.get(root) not in dict(_walk(content))


def _hint(name: str, value: object, content: dict, before: dict) -> str:
    """The sentence that says what to set instead of a name, or a path, that nothing reads.

    Args:
        value: That it is to have.
        content: The config.
        before: Where the name has the value that it had before, if any.
    """
    root, *rest = name.split('.')
    paths = dict(_walk({key: part for key, part in content.items() if _is_read(key, content)}))
    # Where the name is, further down; what it was copied to; a root that is spelt nearly so.
    homes = [path for path in paths if path.endswith(f'.{root}')]
    homes = homes or _holders(paths, before.get(root))
    homes = homes or difflib.get_close_matches(root, [p for p in paths if '.' not in p], 1, 0.8)
    homes = [FALLBACKS[root]] if root in FALLBACKS else homes
    found = ['.'.join([home, *rest]) for home in homes]
    found = [path for path in found if path in paths] or found
    if not found:
        # The same last word (not `type`, which all parts have), with a value of the same form; and
        # where else that value is.
        word = name.split('.')[-1].split('_')[-1]
        alike = [p for p in paths if p.replace('_', '.').endswith(f'.{word}') and word != 'type']
        alike = [p for p in alike if _form(paths[p]) == _form(value) is not None]
        found = alike + [other for path in alike for other in _holders(paths, paths[path])]
    if not found:
        return 'This config has nothing that looks like it.'
    found = sorted(dict.fromkeys(found), key=lambda path: path.count('.'))
    more = f' and {len(found) - _SHOWN} more' if len(found) > _SHOWN else ''
    return f'Set instead: {", ".join(found[:_SHOWN])}{more}.'


def _holders(paths: dict, value: object) -> list[str]:
    """Where a value is; numbers, flags and what is empty are anywhere by chance."""
    if not value or not isinstance(value, str | list | tuple | dict):
        return []
    return [path for path, other in paths.items() if other == value]


def _form(value: object) -> object:
    """Number, text, or a list of such; None for the rest, which tells nothing."""
    if isinstance(value, list | tuple):
        return [*map(_form, value)]
    return {int: 'number', float: 'number', str: 'text'}.get(type(value))


def _walk(node: object, path: str = '') -> Iterator[tuple[str, object]]:
    """Dotted paths and values, lists by index: what mmengine merges options by."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        below = f'{path}.{key}' if path else str(key)
        yield below, value
        if isinstance(value, dict | list):
            yield from _walk(value, below)
