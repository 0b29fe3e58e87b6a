"""Write the data of a config as a COCO data set, for MMDetection and other detectors."""

import argparse
from pathlib import Path

from mmengine.config import DictAction
from rich.console import Console
from rich.progress import Progress

from lsnet_mm.preparation.coco import export_coco
from lsnet_mm.utils import read_config


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file: its data, window and boxes are exported')
    parser.add_argument('out', type=Path, help='folder to write; it must be empty or not exist')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=('train', 'val', 'test'),
        default=('train', 'val'),
        help='which dataloaders of the config (train val)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an earlier export')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of the config, such as train_dataloader.dataset.fold=1',
    )
    return parser


def main(argv=None) -> None:
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        cfg = read_config(args.config, args.cfg_options)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    with Progress(console=Console(stderr=True)) as progress:
        tasks = {split: progress.add_task(split, total=None) for split in args.splits}

        def on_slice(split: str, total: int) -> None:
            progress.update(tasks[split], total=total, advance=1)

        try:
            about = export_coco(cfg, args.out, args.splits, args.overwrite, on_slice)
        except (ValueError, OSError) as error:
            progress.stop()
            parser.error(str(error))
    for split, info in about.items():
        print(f'{split}: {info["images"]} slices, {info["annotations"]} boxes')


if __name__ == '__main__':
    main()
