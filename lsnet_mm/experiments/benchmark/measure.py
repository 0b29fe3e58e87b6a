"""The parts of a benchmark, each over all systems in turns: rows of the JSON file by system."""

import copy
import gc
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
import torch
from mmengine.runner import Runner
from rich.console import Console
from rich.progress import track
from torch.profiler import ProfilerActivity, profile
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from ...evaluation.complexity import count_gflops, count_params
from ...evaluation.functional import aggregate, counts, failure_rates
from .system import FUSED, SPENT, System, span

REST = 'the rest'
Rows = dict[str, dict]
Key = str | tuple[str, str]


def take_turns(
    runs: Mapping[Key, Callable[[], object]], repeats: int, title: str
) -> tuple[dict[Key, list[dict[str, float]]], dict[Key, np.ndarray]]:
    """Times runs one after the other, again and again: what slows the machine slows them all.

    ``torch.utils.benchmark.Timer`` would run each of them three times a turn, its warm-up anew.

    Args:
        runs: By key.
        repeats: Rounds that count; one before them does not.
        title: Of the progress bar.

    Returns:
        tuple: By key, the seconds of each round by span, :data:`REST` among them; and in all, so
        that what is divided by another of these is so within the rounds.
    """
    turns: dict[Key, list[dict[str, float]]] = {key: [] for key in runs}
    bar = dict(transient=True, console=Console(stderr=True))
    for key in track([*runs] * (1 + repeats), title, **bar):
        SPENT.clear()
        with span(REST):
            runs[key]()
        turns[key].append(dict(SPENT))
    turns = {key: rounds[1:] for key, rounds in turns.items()}
    times = {key: np.array([sum(r.values()) for r in rounds]) for key, rounds in turns.items()}
    return turns, times


def quartiles(values: Sequence[float]) -> dict[str, float]:
    """``median``, and the quartiles ``low`` and ``high``."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return dict(median=float(middle), low=float(low), high=float(high))


def count_macs(run: Callable[[], object]) -> int:
    """Multiply-adds of the matrices and convolutions of a run; compiled code is not seen."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() // 2


def machine_rate(device: str, dtype: str, channels: int = 256) -> float:
    """Multiply-adds a second of a wide 3x3 convolution, what nets could be at the most."""
    kind = dict(device=device, dtype=getattr(torch, dtype))
    shapes = dict(x=(1, channels, 66, 66), w=(channels, channels, 3, 3))
    last = dict(memory_format=torch.channels_last)
    tensors = {name: torch.randn(shape, **kind).to(**last) for name, shape in shapes.items()}
    threads = torch.get_num_threads()
    clock = Timer('torch.conv2d(x, w)', globals=dict(tensors, torch=torch), num_threads=threads)
    return 9 * (64 * channels) ** 2 / min(clock.blocked_autorange().times)


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
    events = profiler.profiler.kineto_results.events()
    memory = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == '[memory]')
    return max(accumulate((size for _, size in memory), initial=0))


def measure_size(systems: Sequence[System]) -> Rows:
    """``params``, ``gflops`` of a slice in one box, as in the results, and the ``work`` of a mean
    slice of the volume, with all boxes and rounds, without what is skipped."""
    rows = {}
    for system in systems:
        twin = replace(system, compiled=False)
        inputs = twin.preprocessed()['inputs'][:1]
        rows[system.name] = dict(
            params=count_params(twin.model),
            gflops=count_gflops(twin.model, inputs),
            work=dict(macs=count_macs(twin.predict) / len(twin.scene)),
            dtype=system.dtype,
            pixels=list(inputs.shape[-2:]),
        )
    return rows


def measure_inference(systems: Sequence[System], repeats: int) -> Rows:
    """Seconds a volume, what of it is spent where, the speed against the first system's, and of
    trained ones what they find."""
    runs = {system.name: system.predict for system in systems}
    turns, times = take_turns(runs, repeats, 'inference')
    base, rows = times[systems[0].name], {}
    for system in systems:
        name, count = system.name, len(system.scene)
        spans = sum(map(Counter, turns[name]), Counter())
        rows[name] = dict(
            volume=quartiles(times[name]),
            slices_per_second=quartiles(count / times[name]),
            speed=quartiles(base / times[name]),
            rates=(count / times[name]).tolist(),
            shares={span: seconds / spans.total() for span, seconds in spans.items()},
        )
        if system.has_two_stages:
            rows[name]['crops'] = sum(system.crops) / len(system.scene.organ_slices)
        if system.checkpoint:
            rows[name]['scores'] = score_volume(system)
    return rows


def score_volume(system: System) -> dict[str, float]:
    """What a trained system finds: DSC of slices and of the volume, and failures, in percent."""
    found, label = (v.voxels.T for v in (system.predict().mask, system.scene.label))
    rows = []
    for number, masks in enumerate(zip(found, label, strict=True)):
        tp, fp, fn = counts(*(torch.from_numpy(mask > 0) for mask in masks))
        rows.append(dict(case=0, slice=number, area=tp + fn, tp=tp, fp=fp, fn=fn))
    return aggregate(rows, protocols=('slice_fg', 'case')) | failure_rates(rows)


def measure_training(systems: Sequence[System], repeats: int) -> Rows:
    """Seconds a step, its spans, its parts alone, and the ratios that compare them."""
    # System by system: a step and its parts are compared more closely than any two systems.
    runs = {(s.name, key): run for s in systems for key, run in s.runs().items()}
    turns, times = take_turns(runs, repeats, 'training')
    base, rows = times[systems[0].name, 'step'], {}
    for system in systems:
        name, batch = system.name, system.batch_size
        step, spans = times[name, 'step'], turns[name, 'step']
        rows[name] = dict(
            step=quartiles(step),
            slices_per_second=quartiles(batch / step),
            time=quartiles(step / base),
            spans={k: quartiles([turn[k] for turn in spans]) for k in spans[0] if k != REST},
            rates=(batch / step).tolist(),
            work=dict(macs=count_macs(replace(system, compiled=False).step) / batch),
        )
        if system.has_two_stages:
            parts = {key: times[name, key] for key in ('L-Net', 'S-Net', 'fused')}
            first, second, fused = parts.values()
            rows[name] |= dict(
                parts={key: quartiles(seconds) for key, seconds in parts.items()},
                step_over_parts=quartiles(step / (2 * first + second)),
                fused_over_parts=quartiles(fused / (first + second)),
            )
    return rows


def measure_memory(systems: Sequence[System]) -> Rows:
    """Bytes at the peak of an ``inference``, of two training steps (``step``), and of two
    ``fused`` ones of two stages, with the model and the optimizer's state among them."""

    def train(system: System, phases: Sequence[str]) -> None:
        for _ in range(2):  # the optimizer's state is there from the first step on
            system.step(phases=phases)

    rows: Rows = {}
    for system in systems:
        step = partial(train, replace(system), system.phases)
        runs = dict(step=step, inference=replace(system).predict)
        if system.phases != FUSED:
            runs['fused'] = partial(train, replace(system), FUSED)
        peaks = {key: peak_memory(run, system.device) for key, run in runs.items()}
        rows[system.name] = dict(peaks=peaks)
    return rows


def measure_loader(
    systems: Sequence[System], workers: Sequence[int], repeats: int, steps: Rows
) -> Rows:
    """Slices a second for each number of workers, or why there are none; and, of those in the rows
    of training, how many times as fast as the step the loader is at its best (``over_step``)."""
    rows: Rows = {}
    for system in systems:
        row = rows[system.name] = dict(missing=None, rates={})
        root = Path(system.cfg.train_dataloader.dataset.get('data_root') or '.')
        if not root.exists():
            row['missing'] = 'no data' if root.is_absolute() else f'no data in {root}'
            continue
        for number in workers:
            rates = [loader_rate(system, number) for _ in range(repeats)]
            row['rates'][str(number)] = quartiles(rates)
        if system.name in steps:
            best = max(rate['median'] for rate in row['rates'].values())
            row['over_step'] = best / steps[system.name]['slices_per_second']['median']
    return rows


def loader_rate(system: System, workers: int, batches: int = 10) -> float:
    """Slices a second of a system's own training data, by a number of processes; their start is not
    counted. A ValueError if the epoch has one batch only."""
    cv2.setNumThreads(0)
    cfg = copy.deepcopy(system.cfg.train_dataloader)
    cfg.update(num_workers=workers, batch_size=system.batch_size)
    stream = iter(Runner.build_dataloader(cfg, seed=0))
    next(stream)
    start = perf_counter()
    count = sum(len(batch['inputs']) for batch in islice(stream, batches))
    if not count:
        raise ValueError('the epoch has one batch only; lower the batch size')
    return count / (perf_counter() - start)
