"""The command line of ``tools/benchmark.py``: from the arguments to the files."""

import argparse
import json
import logging
import os
import platform
import re
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch
from mmengine.logging import MMLogger

from ...apis.load_model import read_model_config
from ...apis.volume_predictor import DTYPES
from ...utils.files import write_atomic
from ...utils.machine import device_name, environment, keep_memory
from ...utils.versions import too_old_for
from . import measure
from .peers import PEERS, peer_config
from .report import markdown, plot_speed
from .scene import Scene, phantom_scene, read_scene
from .system import System

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
    text, png = markdown(results), plot_speed(results)
    print(text)
    if args.out:
        write_atomic(args.out / 'benchmark.md', text.encode())
        write_atomic(args.out / 'benchmark.json', f'{json.dumps(results, indent=1)}\n'.encode())
        if png:
            write_atomic(args.out / 'benchmark.png', png)
    return 0


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; what cannot be ends the program with a sentence."""
    parser = argparse.ArgumentParser(
        description='Size, training step, whole-volume inference, memory and loader of systems '
        'side by side: in one process, in turns, with ratios against the first. Without a '
        'checkpoint a net has random weights and oracle predictions, from the label.'
    )
    add = parser.add_argument
    add('configs', nargs='+', type=_file, help='config files, the baseline first')
    add('--checkpoint', nargs='+', type=_weights, default=[], metavar='CONFIG=FILE',
        help='weights of a config, by its name; it then finds what it finds')  # fmt: skip
    add('--peers', nargs='*', choices=PEERS, metavar='NAME', help='nets of other libraries, with '
        f'data and optimizer of the baseline, without a name all: {", ".join(PEERS)}')  # fmt: skip
    add('--parts', nargs='+', choices=PARTS, default=PARTS, help='what to measure (all)')
    add('--repeats', type=_positive, default=5, help='rounds that count (5)')
    add('--size', type=_positive, default=512, help="side of the phantom's slices (512)")
    add('--slices', type=_positive, default=240, help='of the phantom (240)')
    add('--with-organ', type=float, default=0.36, help='part of them that hold the organ (0.36)')
    add('--image', type=_file, help='NIfTI volume in HU in place of the phantom')
    add('--label', type=_file, help='its label')
    add('--batch-size', type=_positive, default=8, help='slices at a time (8)')
    add('--threads', type=_positive, help="torch's (as many as it takes)")
    add('--device', type=device_name, default='cpu', help='(cpu)')
    add('--dtype', nargs='+', choices=DTYPES, default=DTYPES[:1], help='each of them (float32)')
    add('--compile', action='store_true', help='each system compiled, too')
    add('--workers', type=_positive, nargs='+', help='of the loader (1, 2, and one a core)')
    add('--out', type=Path, help='folder for benchmark.md, .json and .png')
    args = parser.parse_args(argv)
    args.checkpoint = dict(args.checkpoint)
    names = [config.stem for config in args.configs]
    if doubled := {name for name in names if names.count(name) > 1}:
        parser.error(f'{", ".join(sorted(doubled))}: two configs of one name cannot be told apart')
    if unknown := args.checkpoint.keys() - set(names):
        parser.error(f'--checkpoint {sorted(unknown)[0]}: not among the configs')
    if (args.image is None) != (args.label is None):
        parser.error('--image and --label belong together')
    if reason := too_old_for('The benchmark'):  # its counters of operations and memory
        parser.error(reason)
    if not 0 < args.with_organ <= 1:
        parser.error(f'--with-organ {args.with_organ}: a part of the slices, above 0 and up to 1')
    return args


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f'file not found: {text}')
    return Path(text)


def _weights(text: str) -> tuple[str, Path]:
    config, equals, file = text.partition('=')
    if not equals:
        raise argparse.ArgumentTypeError(f'{text}: expected CONFIG=FILE')
    return Path(config).stem, _file(file)


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text}: must be at least 1')
    return int(text)


def run(args: argparse.Namespace) -> dict:
    """All that is asked for, as the JSON file has it."""
    of_files, phantom = (args.image, args.label), (args.size, args.slices, args.with_organ)
    scene = read_scene(*of_files) if args.image else phantom_scene(*phantom)
    systems, not_run = build_systems(args, scene)
    dtypes = args.dtype if {'inference', 'training'} & set(args.parts) else ()
    rates = {dtype: dict(macs=measure.machine_rate(args.device, dtype)) for dtype in dtypes}
    # Inference comes before training changes weights and the order of channels.
    parts = dict(size=measure.measure_size(systems))
    if 'inference' in args.parts:
        parts['inference'] = measure.measure_inference(systems, args.repeats)
    if 'training' in args.parts:
        parts['training'] = measure.measure_training(systems, args.repeats)
    if 'memory' in args.parts:
        full = phantom_scene(args.size, args.batch_size, 1)
        parts['memory'] = measure.measure_memory([replace(s, scene=full) for s in systems])
    if 'loader' in args.parts:
        workers, steps = args.workers or sorted({1, 2, os.cpu_count()}), parts.get('training', {})
        parts['loader'] = measure.measure_loader(systems, workers, args.repeats, steps)
    info = Path('/proc/cpuinfo').read_text() if Path('/proc/cpuinfo').exists() else ''
    cpu = re.search(r'model name\s*: (.*)', info)
    settings = {key: getattr(args, key) for key in ('repeats', 'device', 'batch_size')}
    return dict(
        env=environment(args.device),
        machine=dict(cpu=cpu[1] if cpu else platform.machine(), cores=os.cpu_count(), rates=rates),
        settings=settings
        | dict(
            baseline=systems[0].name,
            size=list(scene.volume.voxels.shape[:2]),
            slices=len(scene),
            share=len(scene.organ_slices) / len(scene),
            threads=torch.get_num_threads(),
        ),
        own_boxes=[system.name for system in systems if system.checkpoint],
        not_run=not_run,
        parts=parts,
    )


def build_systems(args: argparse.Namespace, scene: Scene) -> tuple[list[System], dict[str, str]]:
    """Configs and peers, each in all its ways, which are in the names where there are several;
    and why other peers are not among them."""
    cfgs, systems, not_run = {p.stem: read_model_config(p) for p in args.configs}, [], {}
    for name in () if args.peers is None else args.peers or PEERS:
        try:
            cfgs[name] = peer_config(name, cfgs[args.configs[0].stem])
        except ModuleNotFoundError as error:
            not_run[name] = str(error)
    for name, cfg in cfgs.items():
        for dtype, way in product(args.dtype, ('', ' compiled')[: 1 + args.compile]):
            system = System(name, cfg, scene, args.device, args.batch_size, dtype, bool(way))
            system.checkpoint = args.checkpoint.get(name)
            if args.compile or len(args.dtype) > 1:
                system.name = f'{name}, {dtype}{way}'
            systems.append(system)
    return systems, not_run
