"""Where a result comes from: the code and the machine's kind, but never its paths."""

import platform
import subprocess
from pathlib import Path, PurePosixPath, PureWindowsPath

import mmengine
import mmseg
import torch

import lsnet_mm


def is_absolute(text: str) -> bool:
    """Whether a text is an absolute path, of POSIX, of Windows, of a home, or as a file URL."""
    return (
        PurePosixPath(text).is_absolute()
        or PureWindowsPath(text).is_absolute()
        or text.startswith(('~', 'file:'))
    )


def environment(device: torch.device | str) -> dict[str, object]:
    """The code's version and the libraries'.

    ``commit`` and ``dirty`` (whether tracked files outside of ``results/`` differ from it) are null
    where the package does not run from a git checkout of its own.
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
        # One run's results must not make the next one's code look changed.
        code = ':/', ':(exclude,top)results'
        return git('rev-parse', 'HEAD'), bool(git('status', '--porcelain', '-uno', '--', *code))
    except (OSError, subprocess.CalledProcessError):
        return None, None
