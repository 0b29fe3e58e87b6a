from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import perf_counter, process_time

import torch


@dataclass(frozen=True)
class Switches:
    """How all systems of a benchmark are run, whatever their configs say.

    Attributes:
        device: Such as ``cpu`` or ``cuda``.
        batch_size: Slices at a time, in training and in inference.
        dtype: ``float32``, or ``bfloat16`` by autocast.
        compile: Compile the nets with ``torch.compile``.
        channels_last: Order of the weights; None is in inference what a CPU has, and in training
            what a config's hooks say.
        fused_adam: Adam's step in one pass; None is what a config says.
        rounds: Refinement rounds at most; None is what a config says.
        cpu_time: Count the seconds in which this process had a processor, on a machine that
            others use. Of one thread, or those that wait count as well.
    """

    device: str = 'cpu'
    batch_size: int = 8
    dtype: str = 'float32'
    compile: bool = False
    channels_last: bool | None = None
    fused_adam: bool | None = None
    rounds: int | None = None
    cpu_time: bool = False

    def autocast(self) -> AbstractContextManager:
        """The context that all forward passes run in."""
        kind, dtype = torch.device(self.device).type, getattr(torch, self.dtype)
        return torch.autocast(kind, dtype, enabled=dtype is not torch.float32)

    def now(self) -> float:
        """Seconds, once the device has done what it was given."""
        if torch.device(self.device).type == 'cuda':
            torch.cuda.synchronize(self.device)
        return process_time() if self.cpu_time else perf_counter()
