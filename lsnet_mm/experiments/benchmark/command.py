"""The command line of ``tools/benchmark.py``: from the arguments to the files."""

import argparse
import json
import logging
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import torch
from mmengine.logging import MMLogger

from ...utils.files import write_atomic
from ...utils.machine import device_name, environment, keep_memory
from . import measure
from .inference import Inference
from .peers import PEERS, missing_library, peer_system
from .report import markdown, plot_speed
from .resources import machine_rates
from .scene import Scene, phantom_scene, read_scene
from .system import WORDS, Switches, System

PARTS = ('training', 'inference', 'memory', 'loader')


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write the files.

    Returns:
        int: 0, or 1 if what is asked for cannot be measured.
    """
    args = parse_args(argv)
    keep_memory()
    # MMSegmentation warns of arguments in its own configs, mmengine lists all it initialises, the
    # profiler says when it starts and stops.
    os.environ.setdefault('KINETO_LOG_LEVEL', '6')
    warnings.simplefilter('ignore')
    MMLogger.get_instance('benchmark', log_level=logging.WARNING)
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


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; what cannot be ends the program with a sentence.

    Returns:
        argparse.Namespace: With the ``variants`` as switches, by name, and the ``checkpoint`` by
        the name of its config.
    """
    parser = argparse.ArgumentParser(
        description='Size, training step, whole-volume inference, memory and loader of systems '
        'side by side: in one process, in turns, with ratios against a baseline. Without a '
        'checkpoint a net has random weights and oracle predictions, from the label.'
    )
    add = parser.add_argument
    add('configs', nargs='+', type=_file, help='config files')
    add('--baseline', help='the one that others are compared with (the first)')
    add('--peers', nargs='*', choices=PEERS, metavar='NAME', help=f'of {", ".join(PEERS)}; '
        'without a name all. They get the data and the optimizer of the baseline')  # fmt: skip
    add('--parts', nargs='+', choices=PARTS, default=PARTS, help='what to measure (all)')
    add('--repeats', type=positive_int, default=5, help='rounds that count (5)')
    add('--size', type=int, default=512, help="width and height of the phantom's slices (512)")
    add('--slices', type=positive_int, default=240, help='of the volume (240)')
    add('--with-organ', type=fraction, default=0.36, help='part of them that hold the organ (0.36)')
    add('--image', type=_file_or_folder, help='NIfTI volume in HU in place of the phantom, or a '
        'folder of 8-bit slices')  # fmt: skip
    add('--label', type=_file_or_folder, help='its label, or a folder of masks')
    add('--batch-size', type=positive_int, default=8, help='slices at a time (8)')
    add('--threads', type=int, help="torch's (as many as it takes)")
    add('--device', type=device_name, default='cpu', help='(cpu)')
    add('--variants', nargs='+', type=_variant, default=[_variant('configured')],
        metavar='WORD+WORD', help='ways to run each config, of '
        f'{", ".join(WORDS)} (configured)')  # fmt: skip
    add('--cpu-time', action='store_true', help='count the seconds in which the process had a '
        'processor, on a machine that others use; with --threads 1')  # fmt: skip
    add('--rounds', type=int, help='refinement rounds at most (as a config says)')
    add('--checkpoint', nargs='+', type=_weights, default=[], metavar='CONFIG=FILE',
        help='weights of a config, by its name; it then finds what it finds')  # fmt: skip
    add('--workers', type=int, nargs='+', help='of the loader (1, 2 and as many as cores)')
    add('--loader-batches', type=positive_int, default=10, help='in each round (10)')
    add('--out', type=Path, help='folder for benchmark.md, .json and .png')
    args = parser.parse_args(argv)
    args.checkpoint = dict(args.checkpoint)
    names = [config.stem for config in args.configs]
    args.baseline = Path(args.baseline or names[0]).stem
    if doubled := {name for name in names if names.count(name) > 1}:
        parser.error(f'{", ".join(sorted(doubled))}: two configs of one name cannot be told apart')
    if args.baseline not in names:
        parser.error(f'--baseline {args.baseline}: not among the configs')
    if unknown := args.checkpoint.keys() - set(names):
        parser.error(f'--checkpoint {sorted(unknown)[0]}: not among the configs')
    if (args.image is None) != (args.label is None):
        parser.error('--image and --label belong together')
    if args.image and args.image.is_dir() != args.label.is_dir():
        parser.error('--image and --label: two files, or two folders')
    if args.cpu_time and (args.device != 'cpu' or args.threads != 1):
        parser.error('--cpu-time: with --device cpu and --threads 1 only')
    if args.with_organ == 0 and not args.image and 'training' in args.parts:
        parser.error('--with-organ 0: there is nothing to train on; leave training out of --parts')
    own = {f.name: getattr(args, f.name) for f in fields(Switches) if f.name in args}
    args.variants = {name: Switches(**own | changed) for name, changed in args.variants}
    return args


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f'file not found: {text}')
    return Path(text)


def _file_or_folder(text: str) -> Path:
    return Path(text) if Path(text).is_dir() else _file(text)


def _weights(text: str) -> tuple[str, Path]:
    config, equals, file = text.partition('=')
    if not equals:
        raise argparse.ArgumentTypeError(f'{text}: expected CONFIG=FILE')
    return Path(config).stem, _file(file)


def _variant(text: str) -> tuple[str, dict]:
    """Its name, and what it changes in the switches; later words win."""
    words = text.split('+')
    if unknown := [word for word in words if word not in WORDS]:
        raise argparse.ArgumentTypeError(f'{unknown[0]!r} is none of {", ".join(WORDS)}')
    return text, {key: value for word in words for key, value in WORDS[word].items()}


def positive_int(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text}: must be at least 1')
    return int(text)


def fraction(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError(f'{text}: a part of the slices, from 0 to 1')
    return float(text)


def run(args: argparse.Namespace) -> dict:
    """All that is asked for, as the JSON file has it."""
    if args.image:
        scene = read_scene(args.image, args.label)
    else:
        scene = phantom_scene(args.size, args.slices, args.with_organ)
    timed = {'inference', 'training'} & set(args.parts)  # what is compared with the machine's rates
    by_precision = {way.dtype: way for way in args.variants.values() if timed}
    rates = {dtype: machine_rates(way) for dtype, way in by_precision.items()}
    systems, not_run = build_systems(args)
    return dict(
        env=environment(args.device),
        machine=dict(cpu=_cpu(), cores=os.cpu_count(), rates=rates),
        settings=dict(
            baseline=systems[0].name,
            repeats=args.repeats,
            size=list(scene.volume.voxels.shape[:2]),
            slices=len(scene),
            share=scene.share,
            threads=args.threads or torch.get_num_threads(),
            **{key: getattr(args, key) for key in ('device', 'batch_size', 'rounds', 'cpu_time')},
        ),
        own_boxes=[system.name for system in systems if system.checkpoint],
        not_run=not_run,
        parts=measure_parts(args, systems, scene),
    )


def build_systems(args: argparse.Namespace) -> tuple[list[System], dict[str, str]]:
    """The systems, the baseline first, and why others are not among them."""
    ways = args.variants
    names = ['' if list(ways) == ['configured'] else name for name in ways]
    configs = sorted(args.configs, key=lambda config: config.stem != args.baseline)
    systems = [
        System.from_config(config, way, args.checkpoint.get(config.stem), name)
        for config in configs
        for name, way in zip(names, ways.values(), strict=True)
    ]
    not_run = {}
    chosen = () if args.peers is None else args.peers or PEERS
    for name in chosen:
        if reason := missing_library(name):
            not_run[name] = reason
        else:  # in each of the baseline's ways
            of_baseline = zip(systems, names, strict=False)
            systems += [peer_system(name, system, way) for system, way in of_baseline]
    return systems, not_run


def measure_parts(args: argparse.Namespace, systems: list[System], scene: Scene) -> dict[str, dict]:
    """By part, by system, what was measured. Inference comes before training changes weights."""
    runs = [Inference(system, scene) for system in systems]
    parts = dict(size=measure.measure_size(runs))
    for system in systems:
        system.compile()
    if 'inference' in args.parts:
        parts['inference'] = measure.measure_inference(runs, args.repeats)
    if 'training' in args.parts:
        parts['training'] = measure.measure_training(systems, scene, args.repeats)
    if 'memory' in args.parts:
        parts['memory'] = measure.measure_memory(
            systems, phantom_scene(args.size, args.batch_size, 1)
        )
    if 'loader' in args.parts:
        workers = args.workers or sorted({1, 2, os.cpu_count() or 1})
        parts['loader'] = measure.measure_loader(
            systems, workers, args.loader_batches, args.repeats, parts.get('training', {})
        )
    return parts


def _cpu() -> str:
    """The processor's name, where it says so."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else ()
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.machine()
