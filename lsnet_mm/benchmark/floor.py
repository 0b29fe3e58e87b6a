"""Operations over the machine's rate, bytes over its bandwidth: what a run is measured by."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from .switches import Switches

SIDE, CHANNELS, BYTES, REPEATS = 2048, 256, 2**28, 5


def machine_rates(switches: Switches) -> dict[str, float]:
    """The best of some rounds, in the precision of the switches: ``macs``, multiply-adds a second,
    and ``bytes`` a second of a copy, read and written.

    Multiply-adds are those of a product of square matrices or of a wide 3x3 convolution, whichever
    is faster: on some CPUs torch has the convolution from a better library.
    """
    kind = dict(device=switches.device, dtype=getattr(torch, switches.dtype))
    a, b = (torch.randn(SIDE, SIDE, **kind) for _ in range(2))
    maps, weight = torch.randn(1, CHANNELS, 66, 66, **kind), torch.randn(CHANNELS, CHANNELS, 3, 3)
    maps, weight = (t.to(memory_format=torch.channels_last, **kind) for t in (maps, weight))
    source = torch.zeros(BYTES, dtype=torch.uint8, device=switches.device)
    target = torch.zeros_like(source)
    product = SIDE**3 / _best(lambda: torch.mm(a, b), switches.now)
    macs = 9 * (64 * CHANNELS) ** 2
    convolution = macs / _best(lambda: F.conv2d(maps, weight), switches.now)
    return dict(
        macs=max(product, convolution),
        bytes=2 * BYTES / _best(lambda: target.copy_(source), switches.now),
    )


def count_work(run: Callable[[], object]) -> dict[str, int]:
    """What a run asks for: ``macs``, multiply-adds of matrices and convolutions, and ``bytes`` that
    its operations read and write one by one, views apart. Compiled code is not seen."""
    with FlopCounterMode(display=False) as flops, _Traffic() as traffic:
        run()
    return dict(macs=flops.get_total_flops() // 2, bytes=traffic.bytes)


class _Traffic(TorchDispatchMode):
    """Adds up the sizes of what operations take and give."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if not func.is_view and func is not torch.ops.aten._unsafe_view.default:
            tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, Tensor)]
            self.bytes += sum(t.numel() * t.element_size() for t in tensors)
        return out


def _best(run: Callable[[], object], now: Callable[[], float]) -> float:
    seconds = []
    for _ in range(REPEATS):
        start = now()
        run()
        seconds.append(now() - start)
    return min(seconds)
