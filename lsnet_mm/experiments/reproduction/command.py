"""The command line of ``tools/reproduce.py``."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .composing import DATA, data_root
from .overview import overview, summary
from .report import write_report
from .run import plan
from .runner import FAILED, REFUSED, Runner, make_devices
from .tables import TABLES

FOLDS = {'pancreas_ct': (0, 1, 2, 3)}  # the four of the literature; others have none by default


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; what cannot be ends the program with a sentence."""
    parser = argparse.ArgumentParser(
        description='Run the systems of the paper and write its tables: trains what is missing, '
        'tests it, and reports. What is done already is skipped.'
    )
    add = parser.add_argument
    add('--table', required=True, choices=('1', '2', '3', '4', '5', '6', 'all'),
        help='of the paper, 5 of the presets, 6 of the encoders')  # fmt: skip
    add('--data', required=True, choices=DATA, help='what to train and test on')
    add('--scale', required=True, choices=tuple(TABLES),
        help='nets and images of the paper, or small')  # fmt: skip
    add('--seeds', nargs='+', type=int, default=[0], metavar='N', help='one training each (0)')
    add('--folds', nargs='+', type=int, metavar='N', help='(0 1 2 3 of pancreas_ct, else none)')
    add('--rows', nargs='+', metavar='NAME', help='only these systems of the tables')
    add('--resume', action='store_true', help='go on with trainings that were stopped')
    add('--jobs', type=int, metavar='N', help='runs at once (one a GPU, or one)')
    add('--results', type=Path, default='results', help='where run folders and tables go (results)')
    add('--work-dirs', type=Path, default='work_dirs/reproduce', help='(work_dirs/reproduce)')
    add('--report-only', action='store_true', help='run nothing, write the tables')
    add('--from-scratch', action='store_true', help='start from random weights everywhere')
    args = parser.parse_args(argv)
    tables = TABLES[args.scale]
    args.tables = list(tables.values()) if args.table == 'all' else [tables[int(args.table)]]
    known = list(dict.fromkeys(row.system.name for table in args.tables for row in table.rows))
    if unknown := set(args.rows or ()) - set(known):
        parser.error(
            f'--rows: {", ".join(sorted(unknown))} not in these tables: {", ".join(known)}'
        )
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing, then report.

    Returns:
        int: 0 if all is done, 1 if a run failed or was refused, 130 if it was stopped.
    """
    args = parse_args(argv)
    failed = False
    try:
        if not args.report_only:
            failed = not _run(args)
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


def _run(args: argparse.Namespace) -> bool:
    """Whether every run is done now."""
    if not data_root(args.data).is_dir():
        raise FileNotFoundError(
            f'{data_root(args.data)} does not exist. Put the data there, or a link to them; '
            'docs/data.md says how they are prepared.'
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    devices = make_devices(args.jobs)
    runs = plan(
        args.tables,
        args.seeds,
        args.folds or FOLDS.get(args.data, (None,)),
        args.rows,
        data=args.data,
        from_scratch=args.from_scratch,
        results=args.results,
        work_dirs=args.work_dirs,
    )
    runner = Runner(runs, devices, args.resume)
    with overview(runner.statuses, len(devices)) as show:
        runner.run(show)
    print(summary(runner.statuses, len(devices)))
    bad = {run: s for run, s in runner.statuses.items() if s.state in (REFUSED, FAILED)}
    for run, status in bad.items():
        print(f'{run} {status.state}: {status.message}', file=sys.stderr)
    return not bad
