"""Write the data of a config as a COCO data set, for MMDetection and other detectors: its slices
in its window, and its boxes."""

import argparse
from pathlib import Path

from lsnet_mm.utils.cli import config_parser


def build_parser() -> argparse.ArgumentParser:
    parser = config_parser(__doc__)
    parser.add_argument('out', type=Path, help='folder to write; it must be empty or not exist')
    parser.add_argument(
        '--splits',
        nargs='+',
        choices=('train', 'val', 'test'),
        default=('train', 'val'),
        help='which dataloaders of the config (train val)',
    )
    parser.add_argument('--overwrite', action='store_true', help='replace an earlier export')
    return parser


def main(argv=None) -> None:
    parser = build_parser()
    args = parser.parse_args(argv)

    from lsnet_mm.preparation.coco import export_coco
    from lsnet_mm.utils import read_config
    from lsnet_mm.utils.mistakes import mistakes_said

    with mistakes_said():
        try:
            cfg = read_config(args.config, args.cfg_options)
            about = export_coco(cfg, args.out, args.splits, args.overwrite)
        except (ValueError, OSError) as error:
            parser.error(str(error))
    for split, info in about.items():
        print(f'{split}: {info["images"]} slices, {info["annotations"]} boxes')


if __name__ == '__main__':
    main()
