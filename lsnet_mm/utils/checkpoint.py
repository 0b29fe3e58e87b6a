"""Loading checkpoints without running what a stranger put into them.

A checkpoint is a pickle, and a pickle can call any function. `torch.load(weights_only=True)`
refuses that, but it also refuses mmengine's training checkpoints (they hold log histories), and
mmengine answers the refusal by loading again with `weights_only=False`.
"""

import functools
import os
import os.path as osp
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from .versions import safe_globals

# What a damaged file, or one of another kind (TorchScript), makes of torch's reader.
_UNREADABLE = (UnpicklingError, EOFError, RuntimeError, LookupError, ValueError, TypeError)
_UNSUPPORTED = re.compile(
    r'unsupported (global:?( GLOBAL)?|operand|call of|state of) \S+', re.IGNORECASE
)


class UnsafeCheckpointError(RuntimeError):
    """A checkpoint asks for something that is not in the allowlist."""


class CheckpointError(OSError):
    """A checkpoint cannot be written, or there is none to resume from."""


def safe_torch_load(file, map_location='cpu'):
    """Load tensors, plain containers, numpy values and mmengine's log histories; nothing else.

    Args:
        file: Path or open file.
        map_location: As for `torch.load`.

    Raises:
        UnsafeCheckpointError: The file holds anything else. None of it has been run.
    """
    load = _guarded(torch.load, _UNREADABLE)
    return load(file, map_location=map_location, weights_only=True)


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
        safe = _guarded(loader, UnpicklingError) if prefix else load_from_local
        CheckpointLoader.register_scheme(prefixes=prefix, loader=safe, force=True)


def load_from_local(filename: str, map_location=None) -> object:
    """:func:`safe_torch_load` in the place of mmengine's function of this name."""
    return safe_torch_load(osp.expanduser(filename), map_location)


def newest_first(folder: str | Path, template: str, pointer: str | Path) -> list[Path]:
    """The checkpoints of a training by their number, the last one first.

    Numbers above the one that the pointer names are of this training only where they are younger
    than the pointer, which a kill may have kept from moving; else an earlier one left them behind.

    Args:
        folder: Where they are; they may have been moved there.
        template: Of their names, such as ``'epoch_{}.pth'``.
        pointer: mmengine's file ``last_checkpoint``; it need not exist.
    """
    pattern = re.compile(r'(\d+)'.join(map(re.escape, re.split(r'\{.*?\}', template))))

    def number(path: Path) -> int | None:
        match = pattern.fullmatch(path.name)
        return int(*match.groups()) if match else None

    found = {path: number(path) for path in Path(folder).glob('*') if number(path) is not None}
    with suppress(FileNotFoundError):
        last = number(Path(Path(pointer).read_text(errors='replace').strip()))
        moved = Path(pointer).stat().st_mtime
        if last is not None:
            found = {p: n for p, n in found.items() if n <= last or p.stat().st_mtime >= moved}
    return sorted(found, key=found.get, reverse=True)


def _guarded(loader: Callable, refusals: type | tuple[type, ...]) -> Callable:
    """A loader with our allowlist, and our explanation of the errors that are torch's no."""

    @functools.wraps(loader)
    def load(file, *args, **kwargs):
        try:
            with safe_globals(_allowed()):
                return loader(file, *args, **kwargs)
        except refusals as error:
            # What torch found, without its advice to switch the check off.
            found = _UNSUPPORTED.search(str(error))
            said = found[0] if found else str(error).partition('\n')[0]
            raise UnsafeCheckpointError(
                f'{file} does not load safely: it is damaged, or it holds more than weights and '
                'training state. Nothing in it was run. If you trust where it comes from, load it '
                f'with --unsafe-checkpoint. torch says: {said}.'
            ) from error

    return load


def _history_method(owner, name):
    """The one use that mmengine's checkpoints make of `getattr`: a HistoryBuffer's method.

    The builtin itself would hand a file every attribute of everything it can name.
    """
    if owner is not HistoryBuffer or name not in ('min', 'max', 'current', 'mean'):
        raise UnpicklingError(f'getattr of {name!r} from {owner!r} is not allowed')
    return getattr(owner, name)


def _allowed() -> list:
    # Under the names that numpy 1 and numpy 2 write into a file.
    numpy_functions = [
        (function, f'numpy.{core}.multiarray.{function.__name__}')
        for core in ('core', '_core')
        for function in (np.empty(0).__reduce__()[0], np.float64().__reduce__()[0])
    ]
    names = ('bool', 'uint8', 'int32', 'int64', 'float16', 'float32', 'float64')
    dtypes = [type(np.dtype(name)) for name in names]
    getter = (_history_method, 'builtins.getattr')
    return [HistoryBuffer, getter, np.ndarray, np.dtype, *dtypes, *numpy_functions]
