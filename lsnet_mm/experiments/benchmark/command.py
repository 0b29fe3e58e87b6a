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

from ...apis.model import read_model_config
from ...utils.files import write_atomic
from ...utils.machine import environment
from ...utils.memory import keep_memory
from ...utils.versions import too_old_for
from . import measure
from .arguments import PEERS, parse_args
from .peers import peer_config
from .report import markdown, plot_speed
from .scene import Scene, phantom_scene, read_scene
from .system import System


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
        if reason := too_old_for('The benchmark'):  # its counters of operations and memory
            raise ValueError(reason)
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
