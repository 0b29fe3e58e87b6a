"""What a result comes from: the machine's kind and the code; never their paths."""

import argparse
import platform
import subprocess
from pathlib import Path

import mmengine
import torch
from mmengine.device import get_device

import lsnet_mm


def find_device(name: str | torch.device | None = None) -> torch.device:
    """A device that works; without a name a GPU if there is one.

    Raises:
        ValueError: If there is no such device here, with torch's reason.
    """
    try:
        device = torch.device(name or get_device())
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f'device {name}: {reason}. Name one that is there, such as cpu.'
        ) from error
    return device


def device_name(text: str) -> str:
    """For ``type`` of an argument: the name, of a device that works."""
    try:
        find_device(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def environment(device: torch.device | str) -> dict[str, object]:
    """The code's version and the libraries'.

    ``commit`` and ``dirty`` (whether tracked files outside of ``results/`` differ from it) are null
    where the package does not run from a git checkout of its own.
    """
    import mmseg  # which the processes of a pool, here for their memory, need not

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
