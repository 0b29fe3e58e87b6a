"""The command line of ``tools/reproduce.py``."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from itertools import product

import torch

from .arguments import parse_args
from .report import write_report
from .run import DONE, FAILED, WAITING, Run, data_root
from .runner import carry_out, overview, summary

FOLDS = {'pancreas_ct': (0, 1, 2, 3)}  # the four of the literature; others have none by default


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing, then report.

    Returns:
        int: 0 if all is done, 1 if a run failed, 130 if it was stopped.
    """
    args = parse_args(argv)
    try:
        failed = [] if args.report_only else _run(args)
        for table in args.tables:
            written = write_report(table, args.data, args.scale, args.results, args.from_scratch)
            print(f'Table {table.number}: {written[0]}')
    except KeyboardInterrupt:
        print('Stopped. The same command with --resume goes on.', file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if failed else 0


def plan(args: argparse.Namespace) -> list[Run]:
    """The runs of the tables, each once whichever tables share it, seed after seed.

    Those whose weights the ones in ``args.rows`` test come with them.
    """
    rows = [(row.system, table) for table in args.tables for row in table.rows]
    split = {system for system, table in rows if table.train_split}
    asked = [system for system, _ in rows if not args.rows or system.name in args.rows]
    systems = dict.fromkeys(s for system in asked for s in (system.weights, system) if s)
    folds = args.folds or FOLDS.get(args.data, (None,))
    settings = {key: getattr(args, key) for key in ('from_scratch', 'results', 'work_dirs')}
    return [
        Run(system, args.data, seed, fold, train_split=system in split, **settings)
        for seed, fold, system in product(args.seeds, folds, systems)
    ]


def make_devices(jobs: int | None = None) -> list[dict[str, str]]:
    """The environment of processes on each device: a GPU, or a share of the cores.

    Args:
        jobs: Runs at once; by default one a GPU, or one where there is none. More runs than GPUs
            share these in turn.
    """
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    gpus = visible.split(',') if visible else [str(i) for i in range(torch.cuda.device_count())]
    gpus = gpus if torch.cuda.is_available() else []
    jobs = jobs or max(len(gpus), 1)
    shared = {'OMP_NUM_THREADS': str(max((os.cpu_count() or 1) // jobs, 1))}
    own = [{'CUDA_VISIBLE_DEVICES': gpus[i % len(gpus)]} if gpus else {} for i in range(jobs)]
    return [{**shared, **os.environ, **gpu} for gpu in own]


def _run(args: argparse.Namespace) -> list[Run]:
    """Run what is missing; gives what failed.

    Raises:
        FileNotFoundError: If something is, and its data are not there.
    """
    runs, devices = plan(args), make_devices(args.jobs)
    for run in runs:
        run.inspect(args.resume)
    if done := sum(run.state == DONE for run in runs):
        print(
            f'{done} of {len(runs)} results are in {args.results} already, and stay. To run them '
            f'anew, name another folder: --results {args.results}_anew --work-dirs '
            f'{args.work_dirs}_anew'
        )
    if any(run.state == WAITING for run in runs) and not data_root(args.data).is_dir():
        raise FileNotFoundError(
            f'{data_root(args.data)} does not exist. Put the data there, or a link to them; '
            'docs/data.md says how they are prepared.'
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    with overview(runs) as show:
        carry_out(runs, devices, args.resume, show)
    print(summary(runs))
    failed = [run for run in runs if run.state == FAILED]
    for run in failed:
        print(f'{run} failed: {run.message}', file=sys.stderr)
    return failed
