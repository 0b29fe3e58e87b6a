"""The command line of ``tools/benchmark.py``."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from rich.progress import Progress

from ..allocator import keep_memory
from ..evaluation.provenance import environment
from ..files import write_atomic
from . import measure
from .arguments import parse_args
from .floor import machine_rates
from .inference import Inference
from .peers import PEERS
from .plot import plot_speed
from .quiet import quiet
from .scene import Scene, phantom_scene, read_scene
from .subject import Subject
from .tables import markdown


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write the files.

    Returns:
        int: 0, or 1 if what is asked for cannot be measured.
    """
    args = parse_args(argv)
    keep_memory()
    quiet()
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        results = run(args)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    text = markdown(results)
    print(text)
    if args.out:
        write_atomic(args.out / 'benchmark.md', text.encode())
        write_atomic(args.out / 'benchmark.json', f'{json.dumps(results, indent=1)}\n'.encode())
        if png := plot_speed(results):
            write_atomic(args.out / 'benchmark.png', png)
    return 0


def run(args: argparse.Namespace) -> dict:
    """All that is asked for, as the JSON file has it."""
    if args.image:
        scene = read_scene(args.image, args.label)
    else:
        scene = phantom_scene(args.size, args.slices, args.with_organ)
    machine = dict(cpu=_cpu(), cores=os.cpu_count(), rates=_rates(args))
    subjects, not_run = build_subjects(args)
    threads = args.threads or torch.get_num_threads()
    return dict(
        env=environment(args.device),
        machine=machine,
        settings=dict(
            baseline=subjects[0].name,
            repeats=args.repeats,
            size=list(scene.volume.voxels.shape[:2]),
            slices=len(scene),
            share=scene.share,
            threads=threads,
            **{key: getattr(args, key) for key in ('device', 'batch_size', 'rounds', 'cpu_time')},
        ),
        own_boxes=[s.name for s in subjects if s.checkpoint],
        not_run=not_run,
        parts=measure_parts(args, subjects, scene, threads),
    )


def _rates(args: argparse.Namespace) -> dict[str, dict]:
    """What the machine can do, by precision."""
    by_precision = {way.dtype: way for way in args.variants.values()}
    return {dtype: machine_rates(way) for dtype, way in by_precision.items()}


def build_subjects(args: argparse.Namespace) -> tuple[list[Subject], dict[str, str]]:
    """The systems, the baseline first, and why others are not among them."""
    ways = args.variants
    names = ['' if list(ways) == ['configured'] else name for name in ways]
    configs = sorted(args.configs, key=lambda config: Path(config).stem != args.baseline)
    subjects = [
        Subject.from_config(config, way, args.checkpoint.get(Path(config).stem), name)
        for config in configs
        for name, way in zip(names, ways.values(), strict=True)
    ]
    not_run = {}
    chosen = () if args.peers is None else args.peers or PEERS
    for name in chosen:
        if reason := PEERS[name].missing():
            not_run[name] = reason
        else:  # in each of the baseline's ways
            for way, one in zip(names, subjects[: len(ways)], strict=True):
                peer = PEERS[name].subject(name, one)
                subjects.append(replace(peer, name=f'{name}, {way}' if way else name))
    return subjects, not_run


def measure_parts(
    args: argparse.Namespace, subjects: list[Subject], scene: Scene, threads: int
) -> dict[str, dict]:
    """By part, by system, what was measured. Inference comes before training changes weights."""
    models = {subject.name: subject.build() for subject in subjects}
    inferences = {s.name: Inference(s, models[s.name], scene) for s in subjects}
    parts = dict(size=measure.measure_size(subjects, models, inferences, scene))
    for subject in subjects:
        subject.compile(models[subject.name])
    with Progress(transient=True) as progress:

        def bar(part: str):
            task = progress.add_task(part, total=None)
            return lambda: progress.advance(task)

        if 'inference' in args.parts:
            parts['inference'] = measure.measure_inference(
                subjects, inferences, args.repeats, bar('inference')
            )
        if 'training' in args.parts:
            parts['training'] = measure.measure_training(
                subjects, models, scene, args.repeats, bar('training')
            )
        if 'memory' in args.parts:
            few = phantom_scene(args.size, args.batch_size, 1)
            parts['memory'] = measure.measure_memory(subjects, few, threads, bar('memory'))
        if 'loader' in args.parts:
            workers = args.workers or sorted({1, 2, os.cpu_count() or 1})
            parts['loader'] = measure.measure_loader(
                subjects, workers, args.loader_batches, args.repeats, bar('loader')
            )
            _compare_with_step(parts)
    return parts


def _compare_with_step(parts: dict) -> None:
    """How many times as fast as the step the loader is at its best."""
    for name, row in parts['loader'].items():
        if row['rates'] and 'training' in parts:
            best = max(rate['median'] for rate in row['rates'].values())
            step = parts['training'][name]['slices_per_second']['median']
            row['over_step'] = best / step


def _cpu() -> str:
    """The processor's name, where it says so."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else ()
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()
