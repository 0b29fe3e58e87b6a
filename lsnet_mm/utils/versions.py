"""What an older torch lacks: this module alone knows, and what it offers in its place.

Two stacks are supported: OpenMMLab's own packages, which end at torch 2.1, and their maintained
forks (``onedl-*``) on a current torch.
"""

import functools
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from mmengine.logging import print_log
from mmengine.utils import digit_version
from torch import serialization
from torch.optim import Optimizer

#: Before it there is no public allowlist of what a checkpoint may name, and none with names.
_HAS_SAFE_GLOBALS = digit_version(torch.__version__) >= digit_version('2.6')

#: Whether a graph is being made of what runs; never where torch has no such graphs.
is_exporting: Callable[[], bool] = getattr(torch.compiler, 'is_exporting', lambda: False)


def too_old_for(what: str) -> str | None:
    """That this torch is too old for something that is tried with a current one alone, as a
    message; None if it is not."""
    if hasattr(torch.compiler, 'is_exporting'):
        return None
    return f'{what} needs torch 2.7 or newer, and this is torch {torch.__version__}'


def autocast(kind: str, dtype: str) -> torch.autocast:
    """Autocast for a kind of device; none to ``'float32'``, which an older torch will not be told.

    Raises:
        ValueError: If this torch has none to that type there.
    """
    enabled = dtype != 'float32'
    context = torch.autocast(kind, getattr(torch, dtype) if enabled else None, enabled=enabled)
    try:
        with context:
            return context
    except RuntimeError as error:
        raise ValueError(
            f'dtype {dtype!r} is none that this torch has on {kind}: {error}'
        ) from error


def has_fused_on_cpu() -> bool:
    """Whether this torch takes an optimizer's step on a CPU in one pass over the weights."""
    # Not asked of an optimizer: the first one in a process imports torch's compiler, for a second.
    return torch._C._dispatch_has_kernel_for_dispatch_key('aten::_fused_adam_', 'CPU')


def fused_where_it_can_be(optimizer: type[Optimizer]) -> Callable[..., Optimizer]:
    """An optimizer that leaves ``fused=True`` out, and says so, where torch has no such step."""

    @functools.wraps(optimizer)
    def build(params, **kwargs) -> Optimizer:
        params = list(params)
        try:
            return optimizer(params, **kwargs)
        except RuntimeError as error:
            if not kwargs.pop('fused', False):
                raise
            print_log(f'{optimizer.__name__} trains without fused=True: {error}', 'current')
            return optimizer(params, **kwargs)

    return build


@contextmanager
def _safe_globals(allowed: list) -> Iterator[None]:
    """``torch.serialization.safe_globals`` for a torch that has none.

    Within it ``torch.load(weights_only=True)`` reads with an unpickler that knows the names which
    torch itself allows and those of the list, and no TorchScript, which such a torch would run.
    """
    ours = dict(
        _weights_only_unpickler=_restricted(allowed), _is_torchscript_zip=_refuse_torchscript
    )
    torchs = {name: getattr(serialization, name) for name in ours}
    try:
        vars(serialization).update(ours)
        yield
    finally:
        vars(serialization).update(torchs)


def _restricted(allowed: list) -> SimpleNamespace:
    """What torch takes from the module ``pickle``, able to name nothing but what is allowed."""
    known = dict(torch._weights_only_unpickler._get_allowed_globals())
    known |= {f'{entry.__module__}.{entry.__qualname__}': entry for entry in (set, torch.device)}
    known['_codecs.encode'] = str.encode  # how pickle writes bytes, by its old protocols
    for entry in allowed:
        value, name = entry if isinstance(entry, tuple) else (entry, None)
        known[name or f'{value.__module__}.{value.__qualname__}'] = value
    types = {value for value in known.values() if isinstance(value, type)}

    # In Python, because that in C cannot be told what it may call and change.
    class Unpickler(pickle._Unpickler):
        dispatch = pickle._Unpickler.dispatch.copy()

        def find_class(self, module: str, name: str) -> object:
            name = f'{module}.{name}'.replace('__builtin__.', 'builtins.')
            if name not in known:
                raise pickle.UnpicklingError(f'Unsupported global: {name}')
            return known[name]

        def load_reduce(self) -> None:
            if not any(self.stack[-2] is value for value in known.values()):
                raise pickle.UnpicklingError(f'Unsupported call of {self.stack[-2]}')
            super().load_reduce()

        def load_build(self) -> None:
            if type(self.stack[-2]) not in types:
                raise pickle.UnpicklingError(f'Unsupported state of {type(self.stack[-2])}')
            super().load_build()

        def load_old(self) -> None:
            raise pickle.UnpicklingError('Unsupported call of an old protocol')

        dispatch |= {pickle.REDUCE[0]: load_reduce, pickle.BUILD[0]: load_build}
        dispatch |= {pickle.OBJ[0]: load_old, pickle.INST[0]: load_old}

    def load(file, **kwargs) -> object:
        return Unpickler(file, **kwargs).load()

    return SimpleNamespace(Unpickler=Unpickler, load=load)


_is_torchscript = serialization._is_torchscript_zip


def _refuse_torchscript(archive) -> bool:
    if _is_torchscript(archive):
        raise pickle.UnpicklingError('It is TorchScript, which holds code')
    return False


safe_globals = serialization.safe_globals if _HAS_SAFE_GLOBALS else _safe_globals
