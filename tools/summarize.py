"""Put the runs below a folder side by side, as a table in Markdown."""

import argparse
from pathlib import Path

from lsnet_mm.evaluation.results import read_run

COLUMNS = {
    'DSC': 'slice_fg/dsc',
    'DSC, true boxes': 'oracle/slice_fg/dsc',
    'precision': 'slice_fg/precision',
    'recall': 'slice_fg/recall',
    'DSC, by case': 'case/dsc',
    'box mIoU': 'box/miou',
}


def row(result: dict) -> list[str]:
    """The cells of one run; a dash for what it has not."""
    scores = [result['metrics'].get(key) for key in COLUMNS.values()]
    return [
        result['config'],
        str(result['seed']),
        *('-' if value is None else f'{value:.1f}' for value in scores),
        f'{result["params"] / 1e6:.2f}',
        '-' if result['gflops'] is None else f'{result["gflops"]:.2f}',
        f'{result["train"]["minutes"]:.0f}',
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='run folders are found at any depth below it')
    folder = parser.parse_args().folder
    runs = sorted(path.parent for path in folder.rglob('result.json'))
    if not runs:
        parser.error(f'no result.json below {folder}; tools/test.py writes one')
    header = ['config', 'seed', *COLUMNS, 'params (M)', 'GFLOPs', 'minutes']
    print('| ' + ' | '.join(header) + ' |')
    print('|---' * 2 + '|---:' * (len(header) - 2) + '|')
    for run in runs:
        print('| ' + ' | '.join(row(read_run(run)[0])) + ' |')


if __name__ == '__main__':
    main()
