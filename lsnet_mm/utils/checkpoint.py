"""Loading checkpoints without running what a stranger put into them.

A checkpoint is a pickle, and a pickle can call any function. `torch.load(weights_only=True)`
refuses that, but it also refuses mmengine's training checkpoints (they hold log histories), and
mmengine answers the refusal by loading again with `weights_only=False`.
"""

import functools
import os
import os.path as osp
from collections.abc import Callable
from pickle import UnpicklingError

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

_HISTORY_METHODS = ('min', 'max', 'current', 'mean')
# What a damaged file, or one of another kind (TorchScript), makes of torch's reader.
_UNREADABLE = (UnpicklingError, EOFError, RuntimeError, LookupError, ValueError, TypeError)
_DTYPES = ('bool', 'uint8', 'int32', 'int64', 'float16', 'float32', 'float64')


class UnsafeCheckpointError(RuntimeError):
    """A checkpoint asks for something that is not in the allowlist."""


def safe_torch_load(file, map_location='cpu'):
    """Load tensors, plain containers, numpy values and mmengine's log histories; nothing else.

    Args:
        file: Path or open file.
        map_location: As for `torch.load`.

    Raises:
        UnsafeCheckpointError: The file holds anything else. None of it has been run.
    """
    with torch.serialization.safe_globals(_allowlist()):
        try:
            return torch.load(file, map_location=map_location, weights_only=True)
        except _UNREADABLE as error:
            raise _refusal(file, error) from error


def refuse_unsafe_checkpoints() -> None:
    """From here on, let nothing in this process and its children load an unsafe checkpoint.

    All of mmengine's ways to a checkpoint (`load_from`, resuming, `init_cfg`, `init_model`) end in
    its table of loaders. Local files go through `safe_torch_load`. The others (URLs,
    `torchvision://`) keep their loaders, with the same allowlist, and torch's own switch overrules
    the `weights_only=False` that mmengine and torch.hub ask for.
    """
    os.environ.pop('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', None)
    os.environ['TORCH_FORCE_WEIGHTS_ONLY_LOAD'] = '1'
    for prefix, loader in list(CheckpointLoader._schemes.items()):
        safe = _guarded(loader) if prefix else _load_from_local
        CheckpointLoader.register_scheme(prefixes=prefix, loader=safe, force=True)


def _load_from_local(filename, map_location=None):
    # mmengine prints the loader's name without its first ten letters: "local".
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'checkpoint not found: {filename}')
    return safe_torch_load(filename, map_location)


_load_from_local.__name__ = 'load_from_local'


def _guarded(loader: Callable) -> Callable:
    """A remote loader with our allowlist and our explanation; its own weights stay as they are."""

    @functools.wraps(loader)
    def load(filename, *args, **kwargs):
        with torch.serialization.safe_globals(_allowlist()):
            try:
                return loader(filename, *args, **kwargs)
            except UnpicklingError as error:
                raise _refusal(filename, error) from error

    return load


def _refusal(file, error: Exception) -> UnsafeCheckpointError:
    return UnsafeCheckpointError(
        f'{file} does not load safely: it is damaged, or it holds more than weights and training '
        f'state. Nothing in it was run. If you trust where it comes from, load it with '
        f'--unsafe-checkpoint.\n{_reason(error)}'
    )


def _history_method(owner, name):
    """The one use that mmengine's checkpoints make of `getattr`: a HistoryBuffer's method.

    The builtin itself would hand a file every attribute of everything it can name.
    """
    if owner is not HistoryBuffer or name not in _HISTORY_METHODS:
        raise UnpicklingError(f'getattr of {name!r} from {owner!r} is not allowed')
    return getattr(owner, name)


def _allowlist():
    multiarray = (np._core if hasattr(np, '_core') else np.core).multiarray
    # The same functions under the names that numpy 1 and numpy 2 write into a file.
    numpy_functions = [
        (getattr(multiarray, name), f'numpy.{core}.multiarray.{name}')
        for core in ('core', '_core')
        for name in ('_reconstruct', 'scalar')
    ]
    return [
        HistoryBuffer,
        (_history_method, 'builtins.getattr'),
        np.ndarray,
        np.dtype,
        *{type(np.dtype(name)) for name in _DTYPES},
        *numpy_functions,
    ]


def _reason(error: Exception) -> str:
    """What torch found, without its advice to switch the check off."""
    lines = [line for line in str(error).splitlines() if line and 'weights_only' not in line]
    return ' '.join(['torch says:', *lines]) if lines else ''
