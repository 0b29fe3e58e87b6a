"""Time the training data of a config: each transform, then the loader. With --run, also how long
the steps of a finished run waited for their data."""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import median
from time import perf_counter

import cv2
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from lsnet_mm.benchmark.loader import slices_per_second
from lsnet_mm.utils.cli import build_parser, load_config


def time_transforms(dataset, samples: int) -> dict[str, float]:
    """Median milliseconds of each transform, in this process, on one core."""
    seconds = defaultdict(list)
    for index in range(min(samples, len(dataset))):
        results = dataset.get_data_info(index)
        for step in dataset.pipeline.transforms:
            start = perf_counter()
            results = step(results)
            seconds[type(step).__name__].append(perf_counter() - start)
    return {name: 1000 * median(times) for name, times in seconds.items()}


def waiting_share(run: Path) -> float:
    """Part of the steps' time in which a run waited for data, from its newest log."""
    logs = sorted(run.rglob('scalars.json'))
    if not logs:
        raise SystemExit(f'time_loader: no scalars.json below {run}; tools/train.py writes one')
    entries = [json.loads(line) for line in logs[-1].read_text().splitlines()]
    steps = [entry for entry in entries if 'data_time' in entry and 'loss' in entry]
    if not steps:
        raise SystemExit(f'time_loader: {logs[-1]} holds no training step yet')
    return sum(step['data_time'] for step in steps) / sum(step['time'] for step in steps)


def parse_args() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = build_parser(__doc__)
    parser.add_argument('--workers', type=int, default=2, help='processes that load (2)')
    parser.add_argument('--batches', type=int, default=30, help='how many to load (30)')
    parser.add_argument('--run', type=Path, help='work folder of a training run')
    return parser, parser.parse_args()


def main() -> None:
    parser, args = parse_args()
    cfg = load_config(parser, args)
    init_default_scope(cfg.default_scope)
    cv2.setNumThreads(0)
    cfg.train_dataloader.num_workers = args.workers
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)
    times = time_transforms(loader.dataset, args.batches)
    for name, milliseconds in times.items():
        print(f'{name:24}{milliseconds:8.2f} ms')
    print(f'{"one slice, one core":24}{sum(times.values()):8.2f} ms')
    try:
        rate = slices_per_second(loader, args.batches)
    except ValueError as error:
        raise SystemExit(f'time_loader: {error}') from None
    print(f'{f"{args.workers} workers":24}{rate:8.1f} slices/s')
    if args.run:
        print(f'{"waiting for data":24}{100 * waiting_share(args.run):8.1f} % of the steps')


if __name__ == '__main__':
    main()
