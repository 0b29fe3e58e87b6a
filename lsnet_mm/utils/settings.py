"""Settings that do nothing are refused.

A config is composed by names, and mmengine keeps them in its root when it is done: copies that
nothing reads. Setting one would change nothing, and mmengine would say nothing.
"""

import ast
import inspect
import os.path as osp
from collections.abc import Mapping
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from .dead_names import base_files, base_reads, dead_names
from .openmmlab import allow_external_configs
from .setting_paths import paths_for, walk
from .translation import translate

#: What is read in the root of a config: by mmengine, and by the tools of OpenMMLab and ours.
READ = {*inspect.signature(Runner.__init__).parameters} - {'self', 'cfg'} | {
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'init_weights_for_test_or_val',
    'model_wrapper_cfg',
    'runner_type',
    'strategy',
    'sync_bn',
    'test_pipeline',
    'tta_model',
    'tta_pipeline',
}
#: Read in the root only where the config has nothing at the path.
FALLBACKS = {
    'data_preprocessor': 'model.data_preprocessor',
    'test_pipeline': 'test_dataloader.dataset.pipeline',
}
#: No options: read by other scripts, before options are merged, or overruled by an argument.
NO_OPTIONS = {
    'custom_imports',
    'init_weights_for_test_or_val',
    'launcher',
    'runner_type',
    'strategy',
    'tta_model',
    'tta_pipeline',
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
    content = config.to_dict()
    said = []
    for name, value in options.items():
        root = name.split('.')[0]
        if root in NO_OPTIONS:
            where = '--launcher' if root == 'launcher' else f'{root!r} in a config file'
            said.append(f'{name} changes nothing as an option: set {where}.')
        elif not _is_read(root, content):
            works = _works(content, name, content, value)
            said.append(f'{name} changes nothing: nothing reads {root!r} in a config. {works}')
    if said:
        raise ValueError('\n'.join([*said, _MORE]))


def check_file(path: str | Path) -> None:
    """Goes on only if a config and its bases, as far as they are files beside it, use each name
    that they assign. A file without ``_base_`` may have any: it is there to be inherited.

    Raises:
        ValueError: With file, line, name, and the paths of this config that work instead.
    """
    files: dict[Path, tuple[ast.Module, set[str]]] = {}
    _collect(Path(path), set(), files)
    dead = [
        (file, tree, line, name)
        for file, (tree, inherited) in files.items()
        for line, name in dead_names(tree, READ - {*FALLBACKS} | inherited)
    ]
    if not dead:
        return
    allow_external_configs()
    content = _read(path)
    said = []
    for file, tree, line, name in dead:
        if not _is_read(name, content):
            held = {**content, **_bases(file, base_files(tree))}
            works = _works(content, name, held, content.get(name))
            said.append(
                f'{file}, line {line}: {name} changes nothing: nothing reads it in a config, '
                f'and this file does not use it. {works}'
            )
    if said:
        raise ValueError('\n'.join([*said, _MORE]))


def _collect(path: Path, inherited: set[str], files: dict) -> None:
    """The file and its bases, those with bases of their own, with what is read of each below it."""
    if path.suffix != '.py' or not path.is_file():
        return
    tree = ast.parse(path.read_text(encoding='utf-8'), str(path))
    if not (bases := base_files(tree)):
        return
    path = Path(osp.abspath(path))  # as mmengine: a link's bases are beside the link
    files.setdefault(path, (tree, set()))[1].update(inherited)
    for base in bases:
        # One with `::` is no file here, and not its reader's to mend.
        _collect(path.parent / base, inherited | base_reads(tree), files)


def _bases(file: Path, names: list[str]) -> dict:
    """What the bases of a file hold."""
    held = {}
    for name in filter(None, names):
        held |= _read(Config._get_cfg_path(name, str(file))[0])
    return held


def _read(path: str | Path) -> dict:
    return Config.fromfile(path, import_custom_modules=False).to_dict()


def _is_read(root: str, content: dict) -> bool:
    if root not in FALLBACKS:
        return root in READ
    return FALLBACKS[root] not in dict(walk(content))


def _works(content: dict, name: str, held: dict, value: object) -> str:
    root, _, rest = name.partition('.')
    if root in FALLBACKS:
        found = ['.'.join(filter(None, [FALLBACKS[root], rest]))]
    else:
        read = {key: part for key, part in content.items() if _is_read(key, content)}
        found = paths_for(name, read, held, value)
    if not found:
        return 'This config has nothing that looks like it.'
    more = f' and {len(found) - _SHOWN} more' if len(found) > _SHOWN else ''
    return f'Set instead: {", ".join(found[:_SHOWN])}{more}.'
