"""The parts of a benchmark, each over all systems in turns."""

from collections.abc import Callable, Sequence
from itertools import product

from mmengine.dataset import pseudo_collate
from torch import nn

from ..evaluation.complexity import count_gflops, count_params
from .inference import Inference
from .loader import build_loader, missing_data, slices_per_second
from .memory import peak_memory
from .scene import Scene
from .spread import ratios, spread
from .subject import Subject
from .training import Training
from .turns import take_turns

Models = dict[str, nn.Module]
Rows = dict[str, dict]


def measure_size(
    subjects: Sequence[Subject], models: Models, runs: dict[str, Inference], scene: Scene
) -> Rows:
    """``params``, ``gflops`` of a slice in one box, as in the results, and the ``work`` of a mean
    slice of the volume; before anything is compiled."""
    rows = {}
    for name, model in ((s.name, models[s.name]) for s in subjects):
        packed = scene.packed(runs[name].predictor.pipeline, 0)
        inputs = model.data_preprocessor(pseudo_collate([packed]))['inputs']
        rows[name] = dict(
            params=count_params(model),
            gflops=count_gflops(model, inputs),
            work=runs[name].work(),
            dtype=runs[name].switches.dtype,
            pixels=list(inputs.shape[-2:]),
        )
    return rows


def measure_inference(
    subjects: Sequence[Subject], runs: dict[str, Inference], repeats: int, on_turn: Callable
) -> Rows:
    """Seconds a volume, what of it is spent where, and the speed against the first system's."""
    seconds = take_turns(runs, repeats, subjects[0].switches.now, on_turn=on_turn)
    totals = {name: [turn['total'] for turn in turns] for name, turns in seconds.items()}
    base, count = totals[subjects[0].name], len(runs[subjects[0].name].scene)
    rows = {}
    for name, times in totals.items():
        rows[name] = dict(
            volume=spread(times),
            slice=spread([time / count for time in times]),
            slices_per_second=spread([count / time for time in times]),
            speed=ratios(base, times),
            rates=[count / time for time in times],
            **runs[name].profile(),
        )
        on_turn()
    return rows


def measure_training(
    subjects: Sequence[Subject], models: Models, scene: Scene, repeats: int, on_turn: Callable
) -> Rows:
    """Seconds a step, its spans, its parts alone, and the ratios that compare them."""
    runs, work, batch = {}, {}, subjects[0].switches.batch_size
    for subject in subjects:
        training = Training(subject, models[subject.name], scene)
        work[subject.name] = None if subject.switches.compile else training.work()
        runs |= {(subject.name, key): run for key, run in training.runs().items()}
    # System by system: a step and its parts are compared more closely than any two systems.
    seconds = take_turns(runs, repeats, subjects[0].switches.now, on_turn=on_turn)
    total = {key: [turn['total'] for turn in turns] for key, turns in seconds.items()}
    base, rows = total[subjects[0].name, 'step'], {}
    for name in (subject.name for subject in subjects):
        step, turns = total[name, 'step'], seconds[name, 'step']
        rows[name] = dict(
            step=spread(step),
            slices_per_second=spread([batch / time for time in step]),
            time=ratios(step, base),
            spans={k: spread([turn[k] for turn in turns]) for k in turns[0] if k != 'total'},
            rates=[batch / time for time in step],
            work=work[name],
        )
        if (name, 'L-Net') in total:
            rows[name] |= _parts(*(total[name, k] for k in ('step', 'L-Net', 'S-Net', 'fused')))
    return rows


def _parts(step, first, second, fused) -> dict:
    alone = [2 * a + b for a, b in zip(first, second, strict=True)]
    once = [a + b for a, b in zip(first, second, strict=True)]
    return dict(
        parts={'L-Net': spread(first), 'S-Net': spread(second), 'fused': spread(fused)},
        step_over_parts=ratios(step, alone),
        fused_over_parts=ratios(fused, once),
    )


def measure_memory(
    subjects: Sequence[Subject], scene: Scene, threads: int, on_turn: Callable
) -> Rows:
    """Bytes at the peak of each run, and the step's against the larger of the phases alone."""
    rows = {}
    for subject in subjects:
        peaks = peak_memory(subject, scene, threads)
        rows[subject.name] = dict(peaks=peaks)
        phases = [peaks[phase] for phase in subject.phases if phase in peaks]
        if phases:
            rows[subject.name]['step_over_phases'] = peaks['step'] / max(phases)
        on_turn()
    return rows


def measure_loader(
    subjects: Sequence[Subject],
    workers: Sequence[int],
    batches: int,
    repeats: int,
    on_turn: Callable,
) -> Rows:
    """Slices a second for each number of workers, or why there are none."""
    rows: Rows = {s.name: dict(missing=missing_data(s), rates={}) for s in subjects}
    present = [s for s in subjects if not rows[s.name]['missing']]
    loaders = {(s.name, number): build_loader(s, number) for s, number in product(present, workers)}
    rates: dict = {key: [] for key in loaders}
    for _ in range(repeats):
        for key, loader in loaders.items():
            rates[key].append(slices_per_second(loader, batches))
            on_turn()
    for (name, number), values in rates.items():
        rows[name]['rates'][str(number)] = spread(values)
    return rows
