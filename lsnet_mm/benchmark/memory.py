"""Peak memory, in a process of its own: what other systems have left behind is not counted."""

import gc
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch

from ..allocator import give_memory_back
from .inference import Inference
from .quiet import quiet
from .scene import Scene
from .subject import Subject, two_stages
from .training import Training
from .turns import Laps

STATUS, CLEAR_REFS = Path('/proc/self/status'), Path('/proc/self/clear_refs')


def peak_memory(subject: Subject, scene: Scene, threads: int) -> dict[str, int]:
    """Peaks of a system's runs, weights and the optimizer's state included.

    On a GPU that of torch's allocator, on a CPU the process's resident memory above what it had
    before the model was built.

    Args:
        subject: The system.
        scene: A volume of a batch, all of it with the organ.
        threads: Of the process.

    Returns:
        dict: Bytes of a ``step``, of an ``inference``, and of a two-stage model of each phase
        alone and of the ``fused`` step.

    Raises:
        FileNotFoundError: On a CPU where the system does not count it (other than Linux).
    """
    # Spawned, not forked: it has neither our arrays nor our allocator's settings.
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measure, subject, scene, threads).result()


def _measure(subject: Subject, scene: Scene, threads: int) -> dict[str, int]:
    quiet()
    give_memory_back()
    torch.set_num_threads(threads)
    meter = _GPUMeter() if torch.device(subject.switches.device).type == 'cuda' else _CPUMeter()
    model = subject.build()
    subject.compile(model)
    inference, training = Inference(subject, model, scene), Training(subject, model, scene)
    runs: dict[str, Callable[[Laps], object]] = dict(step=training.step)
    if two_stages(model) is not None:
        runs |= {phase: training.phase(phase) for phase in subject.phases}
        runs['fused'] = training.fused
    runs['inference'] = inference
    laps = Laps(subject.switches.now)
    for run in runs.values():  # the optimizer's state is there from the first step on
        run(laps)
    peaks = {}
    for name, run in runs.items():
        gc.collect()
        meter.reset()
        run(laps)
        peaks[name] = meter.peak()
    return peaks


class _CPUMeter:
    def __init__(self) -> None:
        self.before = _kilobytes('VmRSS')

    def reset(self) -> None:
        CLEAR_REFS.write_text('5')  # the peak, man proc(5)

    def peak(self) -> int:
        return 1024 * (_kilobytes('VmHWM') - self.before)


class _GPUMeter:
    def reset(self) -> None:
        torch.cuda.reset_peak_memory_stats()

    def peak(self) -> int:
        return torch.cuda.max_memory_allocated()


def _kilobytes(key: str) -> int:
    lines = STATUS.read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f'{key}:')))
