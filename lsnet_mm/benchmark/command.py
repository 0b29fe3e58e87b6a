"""The command line of ``tools/benchmark.py``."""

import argparse
import json
import logging
import os
import platform
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.logging import MMLogger
from rich.progress import Progress

from ..allocator import keep_memory
from ..evaluation.provenance import environment
from ..files import write_atomic
from ..utils import refuse_unsafe_checkpoints
from . import measure
from .inference import Inference
from .peers import PEERS
from .plot import plot_speed
from .scene import Scene, phantom_scene, read_scene
from .subject import Subject
from .switches import Switches
from .tables import markdown

PARTS = ('training', 'inference', 'memory', 'loader')
DTYPES = ('float32', 'bfloat16')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; what cannot be ends the program with a sentence."""
    parser = argparse.ArgumentParser(
        description='Size, training step, whole-volume inference, memory and loader of systems '
        'side by side: in one process, in turns, with ratios against a baseline. Without a '
        'checkpoint a net has random weights, and the label stands in for what it would find.'
    )
    add = parser.add_argument
    add('configs', nargs='+', help='config files')
    add('--baseline', help='the one that others are compared with (the first)')
    add('--peers', nargs='*', choices=PEERS, metavar='NAME', help=f'of {", ".join(PEERS)}; '
        'without a name all. They get the data and the optimizer of the baseline')  # fmt: skip
    add('--parts', nargs='+', choices=PARTS, default=PARTS, help='what to measure (all)')
    add('--repeats', type=int, default=5, help='rounds that count (5)')
    add('--size', type=int, default=512, help="width and height of the phantom's slices (512)")
    add('--slices', type=int, default=240, help='of the volume (240)')
    add('--with-organ', type=float, default=0.36, help='part of them that hold the organ (0.36)')
    add('--image', type=Path, help='NIfTI volume in HU in place of the phantom')
    add('--label', type=Path, help='its label')
    add('--batch-size', type=int, default=8, help='slices at a time (8)')
    add('--threads', type=int, help="torch's (as many as it takes)")
    add('--device', default='cpu', help='(cpu)')
    add('--dtype', choices=DTYPES, default='float32', help='bfloat16 by autocast (float32)')
    add('--compile', action='store_true', help='compile the nets')
    add('--channels-last', action=argparse.BooleanOptionalAction, default=None,
        help="order of the weights (as a config's hooks say)")  # fmt: skip
    add('--rounds', type=int, help='refinement rounds at most (as a config says)')
    add('--checkpoint', nargs='+', default=[], metavar='CONFIG=FILE',
        help='weights of a config, by its name; it then finds what it finds')  # fmt: skip
    add('--workers', type=int, nargs='+', help='of the loader (1, 2 and as many as cores)')
    add('--loader-batches', type=int, default=10, help='in each round (10)')
    add('--out', type=Path, help='folder for benchmark.md, .json and .png; else only printed')
    args = parser.parse_args(argv)
    _check(parser, args)
    return args


def _check(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    names = [Path(config).stem for config in args.configs]
    for config in args.configs:
        if not Path(config).is_file():
            parser.error(f'config not found: {config}')
    if doubled := {name for name in names if names.count(name) > 1}:
        parser.error(f'{", ".join(sorted(doubled))}: two configs of one name cannot be told apart')
    args.baseline = Path(args.baseline or names[0]).stem
    if args.baseline not in names:
        parser.error(f'--baseline {args.baseline}: not among the configs')
    for entry in args.checkpoint:
        if '=' not in entry:
            parser.error(f'--checkpoint {entry}: expected CONFIG=FILE')
    args.checkpoint = {
        Path(config).stem: Path(file)
        for config, file in (entry.split('=', 1) for entry in args.checkpoint)
    }
    if unknown := args.checkpoint.keys() - set(names):
        parser.error(f'--checkpoint {sorted(unknown)[0]}: not among the configs')
    if (args.image is None) != (args.label is None):
        parser.error('--image and --label belong together')
    for name in ('repeats', 'batch_size', 'slices', 'loader_batches'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write the files.

    Returns:
        int: 0.
    """
    args = parse_args(argv)
    keep_memory()
    refuse_unsafe_checkpoints()
    warnings.simplefilter('ignore')
    MMLogger.get_instance('benchmark', log_level=logging.WARNING)
    if args.threads:
        torch.set_num_threads(args.threads)
    results = run(args)
    text = markdown(results)
    print(text)
    if args.out:
        write_atomic(args.out / 'benchmark.md', text.encode())
        write_atomic(args.out / 'benchmark.json', f'{json.dumps(results, indent=1)}\n'.encode())
        for part, what in (('inference', 'Inference'), ('training', 'Training step')):
            if part in results['parts']:
                count = len_of(results, part)
                png = plot_speed(results['parts'][part], count, what)
                write_atomic(args.out / f'benchmark_{part}.png', png)
    return 0


def len_of(results: dict, part: str) -> int:
    """Slices in a round of a part."""
    return results['settings']['slices' if part == 'inference' else 'batch_size']


def run(args: argparse.Namespace) -> dict:
    """All that is asked for, as the JSON file has it."""
    switches = Switches(
        args.device, args.batch_size, args.dtype, args.compile, args.channels_last, args.rounds
    )
    if args.image:
        scene = read_scene(args.image, args.label)
    else:
        scene = phantom_scene(args.size, args.slices, args.with_organ)
    subjects, not_run = build_subjects(args, switches)
    threads = args.threads or torch.get_num_threads()
    return dict(
        env=environment(args.device),
        machine=dict(cpu=_cpu(), cores=os.cpu_count()),
        settings=dict(
            baseline=args.baseline,
            repeats=args.repeats,
            size=list(scene.volume.voxels.shape[:2]),
            slices=len(scene),
            share=scene.share,
            threads=threads,
            **vars(switches),
        ),
        own_boxes=[s.name for s in subjects if s.checkpoint],
        not_run=not_run,
        parts=measure_parts(args, subjects, scene, threads),
    )


def build_subjects(
    args: argparse.Namespace, switches: Switches
) -> tuple[list[Subject], dict[str, str]]:
    """The systems, the baseline first, and why others are not among them."""
    subjects = [
        Subject.from_config(c, switches, args.checkpoint.get(Path(c).stem)) for c in args.configs
    ]
    subjects.sort(key=lambda subject: subject.name != args.baseline)
    not_run = {}
    chosen = () if args.peers is None else args.peers or PEERS
    for name in chosen:
        if reason := PEERS[name].missing():
            not_run[name] = reason
        else:
            subjects.append(PEERS[name].subject(name, subjects[0]))
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
