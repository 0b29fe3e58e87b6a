"""Where a result comes from: the config, the code and the machine's kind, but never its paths."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

import mmengine
import mmseg
import torch

import lsnet_mm

#: Keys that say where and how a run was started, not what it computes.
LOCAL_KEYS = frozenset(
    {
        'work_dir',
        'data_root',
        'load_from',
        'resume',
        'launcher',
        'seed',
        'out_dir',
        'save_dir',
        'show_dir',
        'draw',
        'show',
        'experiment_name',
        'collect_device',
        'collect_dir',
    }
)


def config_sha256(config: Mapping) -> str:
    """Hash what a config computes: equal on two machines and for two seeds.

    The hash is SHA-256 of the config's dict as JSON with sorted keys, where at every depth the
    settings named in :data:`LOCAL_KEYS` are left out, absolute paths become ``''``, tuples become
    lists, and classes and functions their dotted names.

    Raises:
        TypeError: If a value has no such form.
    """
    text = json.dumps(_portable(config), sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(text.encode()).hexdigest()


def is_absolute(text: str) -> bool:
    """Whether a text is an absolute path, of POSIX, of Windows, of a home, or as a file URL."""
    return (
        PurePosixPath(text).is_absolute()
        or PureWindowsPath(text).is_absolute()
        or text.startswith(('~', 'file:'))
    )


def environment(device: torch.device | str) -> dict[str, object]:
    """The code's version and the libraries'.

    ``commit`` and ``dirty`` (whether tracked files differ from it) are null where the package
    does not run from a git checkout of its own.
    """
    device = torch.device(device)
    commit, dirty = _git_state(Path(lsnet_mm.__file__))
    return {
        'lsnet_mm': lsnet_mm.__version__,
        'commit': commit,
        'dirty': dirty,
        'torch': str(torch.__version__),
        'mmengine': mmengine.__version__,
        'mmseg': mmseg.__version__,
        'python': platform.python_version(),
        'device': torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type,
    }


def _git_state(file: Path) -> tuple[str | None, bool | None]:
    def git(*args: str) -> str:
        command = ['git', '-C', str(file.parent), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        # A virtual environment inside another project's checkout is not that project.
        git('ls-files', '--error-unmatch', file.name)
        return git('rev-parse', 'HEAD'), bool(git('status', '--porcelain', '-uno'))
    except (OSError, subprocess.CalledProcessError):
        return None, None


def _local(key: str, value: object) -> bool:
    # A component may go by such a name, as the hook `seed` does. How ranks share a model is local.
    return key == 'model_wrapper_cfg' or key in LOCAL_KEYS and not isinstance(value, Mapping)


def _portable(node):
    if isinstance(node, Mapping):
        return {str(k): _portable(v) for k, v in node.items() if not _local(k, v)}
    if isinstance(node, (list, tuple)):
        return [_portable(value) for value in node]
    if isinstance(node, (set, frozenset)):
        return sorted(_portable(value) for value in node)
    if isinstance(node, str):
        return '' if is_absolute(node) else node
    if node is None or isinstance(node, (bool, int, float)):
        return node
    if hasattr(node, '__qualname__'):
        return f'{node.__module__}.{node.__qualname__}'
    raise TypeError(f'cannot hash a config that holds {node!r} of type {type(node).__name__}')
