"""The parts of a benchmark, each over all systems in turns: rows of the JSON file by system."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from time import perf_counter

import numpy as np
from mmengine.dataset import pseudo_collate

from ...evaluation.complexity import count_gflops, count_params
from .inference import Inference
from .resources import held_memory, peak_memory
from .scene import Scene
from .system import FUSED, System
from .timing import REST, Run, Stopwatch, spread, take_turns, with_bar
from .training import Training, build_loader, missing_data, slices_per_second

Rows = dict[str, dict]


def measure_size(runs: Sequence[Inference]) -> Rows:
    """``params``, ``gflops`` of a slice in one box, as in the results, and the ``work`` of a mean
    slice of the volume; before anything is compiled."""
    rows = {}
    for run in runs:
        packed = run.scene.packed(run.predictor.pipeline, 0)
        inputs = run.model.data_preprocessor(pseudo_collate([packed]))['inputs']
        rows[run.system.name] = dict(
            params=count_params(run.model),
            gflops=count_gflops(run.model, inputs),
            work=run.work(),
            dtype=run.system.switches.dtype,
            pixels=list(inputs.shape[-2:]),
        )
    return rows


def measure_inference(runs: Sequence[Inference], repeats: int) -> Rows:
    """Seconds a volume, what of it is spent where, and the speed against the first system's."""
    now, count = runs[0].system.switches.now, len(runs[0].scene)
    turns = take_turns({run.system.name: run for run in runs}, repeats, now, 'inference')
    totals = {name: _totals(seconds) for name, seconds in turns.items()}
    base, rows = totals[runs[0].system.name], {}
    for run in runs:
        times = totals[run.system.name]
        rows[run.system.name] = dict(
            volume=spread(times),
            slice=spread(times / count),
            slices_per_second=spread(count / times),
            speed=spread(base / times),
            rates=(count / times).tolist(),
            **run.profile(),
        )
    return rows


def measure_training(systems: Sequence[System], scene: Scene, repeats: int) -> Rows:
    """Seconds a step, its spans, its parts alone, and the ratios that compare them."""
    runs, work = {}, {}
    for system in systems:
        training = Training(system, scene)
        work[system.name] = None if system.switches.compile else training.work()
        runs |= {(system.name, key): run for key, run in training.runs().items()}
    # System by system: a step and its parts are compared more closely than any two systems.
    turns = take_turns(runs, repeats, systems[0].switches.now, 'training')
    totals = {key: _totals(seconds) for key, seconds in turns.items()}
    base, rows = totals[systems[0].name, 'step'], {}
    for system in systems:
        name, batch = system.name, system.switches.batch_size
        step, spans = totals[name, 'step'], turns[name, 'step']
        rows[name] = dict(
            step=spread(step),
            slices_per_second=spread(batch / step),
            time=spread(step / base),
            spans={k: spread([turn[k] for turn in spans]) for k in spans[0] if k != REST},
            rates=(batch / step).tolist(),
            work=work[name],
        )
        if system.two_stages:
            parts = {key: totals[name, key] for key in ('L-Net', 'S-Net', 'fused')}
            first, second, fused = parts.values()
            rows[name] |= dict(
                parts={key: spread(times) for key, times in parts.items()},
                step_over_parts=spread(step / (2 * first + second)),
                fused_over_parts=spread(fused / (first + second)),
            )
    return rows


def _totals(turns: Sequence[dict[str, float]]) -> np.ndarray:
    """Seconds of each round: what is divided by another of these is so within the rounds."""
    return np.array([sum(seconds.values()) for seconds in turns])


def measure_memory(systems: Sequence[System], scene: Scene) -> Rows:
    """Bytes at the peak of a ``step``, of an ``inference``, and of a two-stage model of each phase
    alone and of the ``fused`` step; and the step's against the larger of the phases alone.

    These are torch's: weights, the optimizer's state, and what a run adds at its highest.

    Args:
        systems: Each is built anew.
        scene: A volume of a batch, all of it with the organ.
    """
    rows: Rows = {}
    for system in map(replace, with_bar(systems, 'memory')):
        system.compile()
        training, inference = Training(system, scene), Inference(system, scene)
        runs: dict[str, Run] = dict(step=training.step)
        if system.two_stages:
            runs |= {phase: partial(training.step, phases=[phase]) for phase in system.phases}
            runs['fused'] = partial(training.step, phases=FUSED)
        runs['inference'] = inference
        calls = {key: partial(run, Stopwatch(perf_counter)) for key, run in runs.items()}
        for call in calls.values():  # the optimizer's state is there from the first step on
            call()
        held = held_memory(system.model, training.optim_wrapper.optimizer)
        device = system.switches.device
        peaks = {key: held + peak_memory(call, device) for key, call in calls.items()}
        rows[system.name] = dict(peaks=peaks)
        if phases := [peaks[phase] for phase in system.phases if phase in peaks]:
            rows[system.name]['step_over_phases'] = peaks['step'] / max(phases)
    return rows


def measure_loader(
    systems: Sequence[System], workers: Sequence[int], batches: int, repeats: int, training: Rows
) -> Rows:
    """Slices a second for each number of workers, or why there are none; and, of those in the rows
    of training, how many times as fast as the step the loader is at its best (``over_step``)."""
    rows: Rows = {s.name: dict(missing=missing_data(s), rates={}) for s in systems}
    present = [s for s in systems if not rows[s.name]['missing']]
    loaders = {(s.name, number): build_loader(s, number) for s, number in product(present, workers)}
    rates: dict = {key: [] for key in loaders}
    turns = [*product(range(repeats), loaders.items())]
    for _, (key, loader) in with_bar(turns, 'loader'):
        rates[key].append(slices_per_second(loader, batches))
    for (name, number), values in rates.items():
        rows[name]['rates'][str(number)] = spread(values)
    for name in {name for name, _ in loaders} & training.keys():
        best = max(rate['median'] for rate in rows[name]['rates'].values())
        rows[name]['over_step'] = best / training[name]['slices_per_second']['median']
    return rows
