"""Put the runs below a folder side by side, as a table in Markdown."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from lsnet_mm.evaluation.results import TRAIN_SPLIT, read_run

COLUMNS = {
    'DSC': 'slice_fg/dsc',
    'true boxes': 'oracle/slice_fg/dsc',
    'precision': 'slice_fg/precision',
    'recall': 'slice_fg/recall',
    'DSC by case': 'case/dsc',
    'box mIoU': 'box/miou',
    'empty slices with foreground': 'slice_empty/found',
    'with a box': 'slice_empty/boxes',
}


def table(folder: Path) -> str:
    """A row for each config: the mean over its runs, of any seed and fold, at any depth below.

    Raises:
        SystemExit: If there is none.
    """
    configs = {}
    for path in sorted(folder.rglob('result.json')):
        if path.parent.name != TRAIN_SPLIT:
            result = read_run(path.parent)[0]
            configs.setdefault(result['config'], []).append(result)
    if not configs:
        raise SystemExit(f'no result.json below {folder}; tools/test.py writes one')
    header = ['config', 'runs', *COLUMNS, 'params (M)', 'GFLOPs', 'minutes']
    rows = [header, ['---'] + ['---:'] * (len(header) - 1)]
    rows += [[config, str(len(runs)), *row(runs)] for config, runs in configs.items()]
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in rows)


def row(runs: list[dict]) -> list[str]:
    """The cells of a config's runs; a dash for what one of them has not."""
    return [
        *(mean((run['metrics'].get(key) for run in runs), 1) for key in COLUMNS.values()),
        mean((run['params'] / 1e6 for run in runs), 2),
        mean((run['gflops'] for run in runs), 2),
        mean((run['train']['minutes'] for run in runs), 0),
    ]


def mean(values: Iterable[float | None], digits: int) -> str:
    values = list(values)
    return '-' if None in values else f'{fmean(values):.{digits}f}'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='run folders are found at any depth below it')
    print(table(parser.parse_args().folder))


if __name__ == '__main__':
    main()
