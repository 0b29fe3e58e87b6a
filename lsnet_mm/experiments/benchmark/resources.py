"""What a run asks of a machine (multiply-adds, bytes moved, memory), and what the machine has."""

import gc
import json
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from .system import Switches

SIDE, CHANNELS, BYTES = 2048, 256, 2**28


def machine_rates(switches: Switches) -> dict[str, float]:
    """The roofline of a machine, in the precision of the switches: ``macs``, multiply-adds a
    second, and ``bytes`` a second of a copy, read and written; each the best of some rounds.

    Multiply-adds are those of a product of square matrices or of a wide 3x3 convolution, whichever
    is faster: on some CPUs torch has the convolution from a better library.
    """
    kind = dict(device=switches.device, dtype=getattr(torch, switches.dtype))
    a, b = (torch.randn(SIDE, SIDE, **kind) for _ in range(2))
    maps, weight = torch.randn(1, CHANNELS, 66, 66, **kind), torch.randn(CHANNELS, CHANNELS, 3, 3)
    maps, weight = (t.to(memory_format=torch.channels_last, **kind) for t in (maps, weight))
    source = torch.zeros(BYTES, dtype=torch.uint8, device=switches.device)
    arrays = dict(a=a, b=b, maps=maps, weight=weight, source=source, to=torch.zeros_like(source))

    def seconds(statement: str) -> float:
        threads = torch.get_num_threads()
        timer = Timer(statement, globals=arrays, timer=switches.now, num_threads=threads)
        return min(timer.blocked_autorange().times)

    product = SIDE**3 / seconds('torch.mm(a, b)')
    convolution = 9 * (64 * CHANNELS) ** 2 / seconds('torch.conv2d(maps, weight)')
    return dict(macs=max(product, convolution), bytes=2 * BYTES / seconds('to.copy_(source)'))


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


def peak_memory(run: Callable[[], object], device: str) -> int:
    """The most bytes that a run has of torch's memory at a time; what was there before does not
    count. On a GPU torch's allocator knows it, on a CPU the profiler adds up."""
    gc.collect()
    if torch.device(device).type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        return torch.cuda.max_memory_allocated(device) - before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    with TemporaryDirectory() as folder:
        trace = Path(folder, 'trace.json')
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())['traceEvents']
    memory = [event['args'] for event in events if event['name'] == '[memory]']
    in_order = sorted((event['Ev Idx'], event['Bytes']) for event in memory)
    return max(accumulate((size for _, size in in_order), initial=0))


def held_memory(*objects: object) -> int:
    """Bytes of the tensors in models and optimizers."""
    states = tree_leaves([thing.state_dict() for thing in objects])
    return sum(t.numel() * t.element_size() for t in states if isinstance(t, Tensor))
