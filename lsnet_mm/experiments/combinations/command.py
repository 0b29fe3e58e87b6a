"""The command line of ``tools/check_combinations.py``, and its results as text."""

import argparse
import json
import logging
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.logging import MMLogger
from rich.progress import track

from ...utils.files import write_atomic
from ...utils.machine import device_name, environment, keep_memory
from .combination import read_combinations
from .trial import FAILED, OK, measure

_MARKED = re.compile(r'(<!-- combinations -->\n).*?(<!-- end -->)', re.DOTALL)

NET = ('backbone', 'pixels', 'params (M)', 'GFLOPs')
HEADER = ('S-Net', *NET, 'L-Net', *NET, 'step (s)', 'prediction (s)', 'result')
RIGHT = {'pixels', 'params (M)', 'GFLOPs', 'step (s)', 'prediction (s)'}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the arguments; what cannot be ends the program with a sentence."""
    parser = argparse.ArgumentParser(
        description='Train a step of every combination of combinations/catalogue.py and predict; '
        'write what came of it, with size, cost and time.'
    )
    add = parser.add_argument
    add('--rows', nargs='+', metavar='NAME', help='only these; printed, not written')
    add('--size', type=int, default=160, help='height and width of images and crops (160)')
    add('--number', type=int, default=2, help='images in the batch (2)')
    add('--organs', type=int, default=2, choices=(1, 2), help='besides the background (2)')
    add('--repeats', type=int, default=3, help='times are medians of so many (3)')
    add('--device', type=device_name, default='cpu', help='(cpu)')
    add('--out', type=Path, default='results/combinations.json', help='JSON file')
    add('--docs', type=Path, default='docs/combinations.md', help='with a table to fill in')
    args = parser.parse_args(argv)
    if unknown := set(args.rows or ()) - read_combinations().keys():
        parser.error(f'--rows: {", ".join(sorted(unknown))} not in combinations/catalogue.py')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and write the files.

    Returns:
        int: 0 if all that could be run trained and predicted, else 1.
    """
    args = parse_args(argv)
    keep_memory()
    # MMSegmentation warns of arguments in its own configs, mmengine lists all it initialises.
    warnings.simplefilter('ignore')
    MMLogger.get_instance('check_combinations', log_level=logging.WARNING)
    chosen = [c for c in read_combinations().values() if c.name in (args.rows or c.name)]
    how = dict(size=args.size, number=args.number, organs=args.organs, repeats=args.repeats)
    rows = []
    for combination in track(chosen, description='combinations'):
        rows.append(measure(combination, **how, device=args.device))
    results = dict(
        env=environment(args.device),
        settings=how | dict(threads=torch.get_num_threads()),
        rows=rows,
    )
    print(markdown(results), summary(results), sep='\n\n')
    if not args.rows:
        text = json.dumps(results, indent=1)
        write_atomic(args.out, f'{text}\n'.encode())
        fill(args.docs, results)
    return int(any(row['status'] == FAILED for row in rows))


def fill(docs: Path, results: dict) -> None:
    """Puts summary and table between the marks of a document."""
    text = f'{summary(results)}\n\n{markdown(results)}\n'
    filled = _MARKED.sub(lambda m: m[1] + text + m[2], docs.read_text())
    write_atomic(docs, filled.encode())


def markdown(results: dict) -> str:
    """The table in Markdown."""
    ruler = ['---:' if name in RIGHT else '---' for name in HEADER]
    rows = [HEADER, ruler, *map(_cells, results['rows'])]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in rows)


def summary(results: dict) -> str:
    """What the table holds and how it was measured, in two sentences."""
    rows, env, how = results['rows'], results['env'], results['settings']
    done = [row for row in rows if row['status'] == OK]
    backbones = {name for row in done for name in row['backbones'].values()}
    versions = ', '.join(f'{name} {env[name]}' for name in ('torch', 'mmengine', 'mmseg'))
    return (
        f'{len(done)} of {len(rows)} combinations trained and predicted, with {len(backbones)} '
        f'classes of backbones. Images are {how["size"]} pixels wide and high, '
        f'{how["number"]} images a batch, {how["organs"] + 1} classes; medians of '
        f'{how["repeats"]} on {env["device"]} ({how["threads"]} threads), {versions}.'
    )


def _cells(row: dict) -> list[str]:
    label = row['name'] + (' *' if row['changed'] else '')
    if row['status'] != OK:
        dashes = ['-'] * 4
        reason = f'{row["status"]}: {row["reason"]}'.replace('|', '/')
        return [label, *dashes, row['localizer'], *dashes, '-', '-', reason]
    times = [f'{row["seconds"][key]:.2f}' for key in ('step', 'predict')]
    first, second = _net(row, 'localizer'), _net(row, 'segmentor')
    return [label, *second, row['localizer'], *first, *times, 'trains, predicts']


def _net(row: dict, net: str) -> list[str]:
    params, gflops = row['params'][net] / 1e6, row['gflops'][net]
    return [row['backbones'][net], str(row['sizes'][net]), f'{params:.1f}', f'{gflops:.2f}']
