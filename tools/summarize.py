"""Put the runs below a folder side by side, as a table in Markdown."""

import argparse
from pathlib import Path

from lsnet_mm.evaluation.results import TRAIN_SPLIT, read_run

COLUMNS = {
    'DSC': 'slice_fg/dsc',
    'true boxes': 'oracle/slice_fg/dsc',
    'precision': 'slice_fg/precision',
    'recall': 'slice_fg/recall',
    'DSC by case': 'case/dsc',
    'box mIoU': 'box/miou',
}


def table(folder: Path) -> str:
    """All runs at any depth below a folder, one a row.

    Raises:
        SystemExit: If there is none.
    """
    runs = sorted(path.parent for path in folder.rglob('result.json'))
    runs = [run for run in runs if run.name != TRAIN_SPLIT]
    if not runs:
        raise SystemExit(f'no result.json below {folder}; tools/test.py writes one')
    header = ['config', 'seed', *COLUMNS, 'params (M)', 'GFLOPs', 'minutes']
    rows = [header, ['---'] * 2 + ['---:'] * (len(header) - 2)]
    rows += [row(read_run(run)[0]) for run in runs]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in rows)


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
    print(table(parser.parse_args().folder))


if __name__ == '__main__':
    main()
