"""Put the runs below a folder side by side, as a table in Markdown."""

from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from lsnet_mm.utils.cli import plain_parser

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
    """A row for each config on each data: the mean over its runs, of any seed and fold.

    Raises:
        SystemExit: If there is no run at any depth below the folder.
    """
    from lsnet_mm.evaluation.results import read_run, run_folders

    groups = {}
    try:
        for path in run_folders(folder):
            result = read_run(path)[0]
            data = f'{result["data"]["name"]}/{result["data"]["split"]}'
            groups.setdefault((result['config'], data), []).append(result)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    header = ['config', 'data', 'runs', *COLUMNS, 'params (M)', 'GFLOPs', 'minutes']
    rows = [header, ['---'] * 2 + ['---:'] * (len(header) - 2)]
    rows += [[*group, str(len(runs)), *row(runs)] for group, runs in groups.items()]
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
    parser = plain_parser(__doc__)
    parser.add_argument('folder', type=Path, help='run folders are found at any depth below it')
    print(table(parser.parse_args().folder))


if __name__ == '__main__':
    main()
