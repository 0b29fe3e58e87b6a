"""What the preparing tools share: arguments, progress, and the report at the end."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..volumes import Pool
from .case import Source
from .prepare import REPORT, SHEET, prepare
from .report import report_table


def build_parser(description: str, source: str) -> argparse.ArgumentParser:
    """A parser with the arguments of every preparing tool.

    Args:
        description: Of the tool.
        source: What its first argument is.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('source', type=Path, help=source)
    parser.add_argument('out', type=Path, help='folder to prepare; a started one is continued')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes (all cores)')
    return parser


def run(args: argparse.Namespace, find: Callable[[Path, Pool], Source]) -> int:
    """Find, prepare and report.

    Args:
        args: ``source``, ``out`` and ``workers``.
        find: Gives what there is to prepare.

    Returns:
        int: Exit code: 0 if every case was prepared, 1 if any was refused or nothing could start.
    """
    try:
        if not args.source.is_dir():
            raise FileNotFoundError(f'{args.source} is no folder. Name the downloaded one.')
        with Pool(args.workers) as pool, Progress(console=Console(stderr=True)) as bar:
            searching = bar.add_task('searching', total=None)
            source = find(args.source, pool)
            bar.remove_task(searching)
            task = bar.add_task('preparing', total=len(source.cases))
            report = prepare(source, args.out, pool, lambda record: bar.advance(task))
    except FileExistsError as error:
        return _fail(f'{args.out}: {error}')
    except ValueError as error:
        return _fail(f'{args.source}: {error}')
    except FileNotFoundError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f'{args.out}: {os.strerror(error.errno or 0)}. Name a folder to write to.')
    return _show(report, args.out)


def _show(report: dict, out: Path) -> int:
    console = Console()
    console.width = max(console.width, 120)  # a redirected table is not cut to 80 columns
    console.print(report_table(report))
    for note in report['notes']:
        print(f'note: {note}')
    refused = [record for record in report['cases'] if 'error' in record]
    for record in refused:
        print(f'{record["case"]}: {record["error"]}', file=sys.stderr)
    done = len(report['cases']) - len(refused)
    print(f'{done} of {len(report["cases"])} cases are prepared in {out}.')
    if done:
        print(f'Look at {out / SHEET}: every outline must sit on its organ. All figures: {REPORT}.')
    return 1 if refused else 0


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1
