"""The arguments of ``tools/reproduce.py``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ...utils.cli import plain_parser
from .tables import DATA, TABLES


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; what cannot be ends the program with a sentence."""
    parser = plain_parser(
        'Run the systems of the paper and write its tables: trains what is missing, '
        'tests it, and reports. What is done already is skipped.'
    )
    add = parser.add_argument
    add(
        '--table',
        required=True,
        choices=(*'1234567', 'all'),
        help='of the paper, 5 of presets, 6 of encoders, 7 of phantom volumes',
    )
    add('--data', required=True, choices=DATA, help='what to train and test on')
    add('--scale', required=True, choices=tuple(TABLES),
        help='nets and images of the paper, or small')  # fmt: skip
    add('--seeds', nargs='+', type=int, default=[0], metavar='N', help='one training each (0)')
    add('--folds', nargs='+', type=int, metavar='N', help='(0 1 2 3 of pancreas_ct, else none)')
    add('--rows', nargs='+', metavar='NAME', help='only these systems of the tables')
    add('--resume', action='store_true', help='go on with trainings that were stopped')
    add('--jobs', type=int, metavar='N', help='runs at once (one a GPU, or one)')
    add('--results', type=Path, default='results',
        help='where run folders and tables go (results); another folder runs all anew')  # fmt: skip
    add('--work-dirs', type=Path, default='work_dirs/reproduce', help='(work_dirs/reproduce)')
    add('--report-only', action='store_true', help='run nothing, write the tables')
    add('--from-scratch', action='store_true', help='start from random weights everywhere')
    args = parser.parse_args(argv)
    tables = {n: t for n, t in TABLES[args.scale].items() if t.data in (None, args.data)}
    if args.table != 'all' and int(args.table) not in tables:
        parser.error(f'there is no table {args.table} of --data {args.data} --scale {args.scale}')
    args.tables = list(tables.values()) if args.table == 'all' else [tables[int(args.table)]]
    known = list(dict.fromkeys(row.system.name for table in args.tables for row in table.rows))
    if unknown := set(args.rows or ()) - set(known):
        given = ', '.join(sorted(unknown))
        parser.error(f'--rows: {given} not in these tables: {", ".join(known)}')
    if args.jobs is not None and args.jobs < 1:
        parser.error(f'--jobs must be at least 1, got {args.jobs}')
    return args
