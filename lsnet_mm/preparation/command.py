"""The command line of the tools that prepare data."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from ..utils.cli import plain_parser, print_any_name
from ..utils.files import why
from ..volumes import Pool
from .prepare import REPORT, SHEET, Source, prepare


def build_parser(description: str, source: str) -> argparse.ArgumentParser:
    """A parser with the arguments of every preparing tool.

    Args:
        description: Of the tool.
        source: What its first argument is.
    """
    parser = plain_parser(description)
    parser.add_argument('source', type=Path, help=source)
    parser.add_argument('out', type=Path, help='folder to prepare; a started one is continued')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes (all cores)')
    parser.add_argument(
        '--assume-hu', action='store_true', help='take voxels for HU even if they do not look so'
    )
    return parser


def run(args: argparse.Namespace, find: Callable[[Path], Source]) -> int:
    """Find, prepare and report.

    Args:
        args: ``source``, ``out`` and ``workers``.
        find: Gives what there is to prepare.

    Returns:
        int: Exit code: 0 if every case is prepared, 1 if some are, 2 if none is or nothing could
            start.
    """
    print_any_name()
    try:
        if not args.source.is_dir():
            raise FileNotFoundError(f'{args.source} is no folder. Name the downloaded one.')
        with Console(stderr=True).status('searching'):
            source = find(args.source)
        with Pool(args.workers) as pool:
            report = prepare(source, args.out, pool)
    except (ValueError, FileExistsError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f'{args.out}: {why(error)}. Name a folder to write to, with free space.',
            file=sys.stderr,
        )
        return 2
    for note in report['notes']:
        print(f'note: {note}')
    refused = [record for record in report['cases'] if 'error' in record]
    for record in report['cases']:
        for note in record.get('notes', ()):
            print(f'warning: {record["case"]}: its image {note}', file=sys.stderr)
    for record in refused:
        print(f'{record["case"]}: {record["error"]}', file=sys.stderr)
    done = len(report['cases']) - len(refused)
    print(f'{done} of {len(report["cases"])} cases are prepared in {args.out}.')
    if done:
        print(f'folds: {report["folds"]}. All figures of the cases: {args.out / REPORT}')
        print(f'Look at {args.out / SHEET}: every outline must sit on its organ.')
    return (1 if done else 2) if refused else 0
