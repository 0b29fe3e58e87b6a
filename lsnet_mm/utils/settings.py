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

from .config import allow_external_configs, config_path, translate, walk
from .mistakes import explain_file

#: Read by other scripts, before options are merged, or overruled by an argument.
NO_OPTIONS = {'custom_imports', 'init_weights_for_test_or_val', 'launcher', 'runner_type'}
NO_OPTIONS |= {'strategy', 'tta_model', 'tta_pipeline'}
#: What is read in the root of a config: by mmengine, and by the tools of OpenMMLab and ours.
READ = {*inspect.signature(Runner.__init__).parameters} - {'self', 'cfg'} | NO_OPTIONS
READ |= {'activation_checkpointing', 'compile', 'efficient_conv_bn_eval', 'find_unused_parameters'}
READ |= {'model_wrapper_cfg', 'sync_bn', 'test_pipeline'}
#: Read in the root only where the config has nothing at the path.
FALLBACKS = {
    'data_preprocessor': 'model.data_preprocessor',
    'test_pipeline': 'test_dataloader.dataset.pipeline',
}
#: The default hooks that mmengine's Runner adds by itself: None takes one of these away.
STOCK_HOOKS = {'runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint'}
_SHOWN = 5
_MORE = 'docs/configs.md has the commonest changes. (In a file a list is set as a whole.)'


def read_config(path: str | Path, options: Mapping | None = None) -> Config:
    """Read a config, with options that go over it; every tool reads configs by this.

    Args:
        path: A file, or ``lsnet_mm::lsnet/NAME.py``, one that the package brings.
        options: Values by dotted path, as ``--cfg-options`` gives them.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file or an option sets what nothing reads.
    """
    path = config_path(path)
    allow_external_configs()
    try:
        check_file(path)
        config = Config.fromfile(path)
    except ValueError:
        raise
    except Exception as error:  # whatever a file of Python may raise
        raise ValueError(explain_file(error, path)) from error
    check_options(config, options or {})
    config.merge_from_dict(dict(options or {}))
    translate(config)
    _drop_hooks(config.get('default_hooks') or {})
    return config


def _drop_hooks(hooks: dict) -> None:
    """Takes out hooks that are None. mmengine does so with its own only, and stops at others."""
    for name in [name for name, hook in hooks.items() if hook is None]:
        if name not in STOCK_HOOKS:
            del hooks[name]


def check_options(config: Config, options: Mapping) -> None:
    """Goes on only if each option has a root that is read.

    Raises:
        ValueError: With the paths of this config that work instead.
    """
    early = {name: name.split('.')[0] for name in options if name.split('.')[0] in NO_OPTIONS}
    for name, root in early.items():
        where = '--launcher' if root == 'launcher' else f'{root!r} in a config file'
        raise ValueError(f'{name} changes nothing as an option: set {where}. {_MORE}')
    _refuse(config, [(name, '') for name in options])


def check_file(path: str | Path) -> None:
    """Goes on only if a config and its bases, as far as they are files beside it, use each name
    that they assign. A file without ``_base_`` may have any: it is there to be inherited.

    Raises:
        ValueError: With file, line, name, and the paths of this config that work instead.
    """
    if dead := list(_dead_names(Path(path), READ - FALLBACKS.keys())):
        _refuse(Config.fromfile(path, import_custom_modules=False), dead)


def _dead_names(path: Path, read: Set[str]) -> Iterator[tuple[str, str]]:
    """Names that a file with a base assigns at its top and does not go on to use, with the place;
    and those in its bases.

    They are found in the text; nothing in it is run. Names with an underscore pass, and what an
    unpacking, an ``if`` or a loop assigns.

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
        later = [n for part in (*tree.body[k + 1 :], *functions) for n in ast.walk(part)]
        names = [n for n in later if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Store)]
        used = read.union(name.id for name in names)
        single = isinstance(statement, ast.AnnAssign | ast.AugAssign) and statement.value
        several = statement.targets if isinstance(statement, ast.Assign) else ()
        for target in [statement.target] if single else several:
            name = getattr(target, 'id', '_')
            if name not in used and not name.startswith('_'):
                yield name, f'{path}, line {statement.lineno}: '
    # `_base_.x`, `_base_['x']`, `_base_.get('x')` or `{{ _base_.x }}`.
    taken = re.findall(r'\b_base_(?:\.get\(|[.\[])\W*(\w+)', ast.unparse(tree))
    for base in bases:
        yield from _dead_names(path.parent / base, read.union(taken))


def _refuse(config: Config, places: list[tuple[str, str]]) -> None:
    """Goes on only if each name has a root that is read; else says where it is and what works."""
    content = config.to_dict()
    read = READ - {root for root, path in FALLBACKS.items() if path in dict(walk(content))}
    paths = dict(walk({key: part for key, part in content.items() if key in read}))
    lines = [
        f'{place}{name} changes nothing: nothing reads {name.split(".")[0]!r} in a config'
        f'{", and this file does not use it" if place else ""}. {_hint(name, paths)}'
        for name, place in places
        if name.split('.')[0] not in read
    ]
    if lines:
        raise ValueError('\n'.join([*lines, _MORE]))


def _hint(name: str, paths: dict) -> str:
    """The sentence that says what to set instead of a name, or a path, that nothing reads.

    Args:
        paths: All that is read in the config, with the values.
    """
    root, *rest = name.split('.')
    # Where the name is, further down; a root that is spelt nearly so; the name's last word, and
    # where else a size or a part that goes by it is.
    homes = [FALLBACKS[root]] if root in FALLBACKS else _ending(root, paths)
    homes = homes or difflib.get_close_matches(root, [p for p in paths if '.' not in p], 1, 0.8)
    if not homes:
        homes = _ending(root.split('_')[-1], paths)
        values = [paths[home] for home in homes if isinstance(paths[home], list | tuple | dict)]
        homes += [path for path in paths if paths[path] in values and path not in homes]
    if not homes:
        return 'This config has nothing that looks like it.'
    found = ['.'.join([home, *rest]) for home in homes]
    found = sorted([path for path in found if path in paths] or found, key=lambda p: p.count('.'))
    more = f' and {len(found) - _SHOWN} more' if len(found) > _SHOWN else ''
    return f'Set instead: {", ".join(found[:_SHOWN])}{more}.'


def _ending(word: str, paths: dict) -> list[str]:
    return [path for path in paths if path.endswith(f'.{word}') and word != 'type']
