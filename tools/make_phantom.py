"""Make a data set of procedural abdominal CT, for tests and demonstrations."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from lsnet_mm.experiments.phantom import write_download, write_prepared


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path, help='folder to write; it must be empty or not exist')
    parser.add_argument('--cases', type=int, default=12, help='number of volumes (12)')
    parser.add_argument('--size', type=int, default=128, help='rows and columns (128)')
    parser.add_argument('--slices', type=int, default=24, help='slices of a volume (24)')
    parser.add_argument('--seed', type=int, default=0, help='seed of the whole set (0)')
    parser.add_argument('--organs', type=int, help='1: pancreas; 2: and spleen (1)')
    parser.add_argument('--overwrite', action='store_true', help='replace an earlier data set')
    raw = parser.add_argument_group(
        'raw form', 'by default the data come prepared, in the layout that training reads'
    )
    raw.add_argument('--download', action='store_true', help='write what TCIA delivers instead')
    raw.add_argument('--layout', choices=('nbia', 'doi', 'bare'), help='of its images (nbia)')
    raw.add_argument(
        '--slice-order', choices=('ascending', 'descending'), help='of its files (ascending)'
    )
    raw.add_argument('--label-folder', choices=('plain', 'doubled'), help='(plain)')
    args = parser.parse_args()
    args.raw = {
        name: value
        for name in ('layout', 'slice_order', 'label_folder')
        if (value := getattr(args, name)) is not None
    }
    if args.raw and not args.download:
        parser.error('--layout, --slice-order and --label-folder need --download')
    if args.organs is not None:
        if args.download:
            parser.error('--organs is for prepared data: the collection has one organ')
        args.raw['organs'] = args.organs
    return args


def main() -> None:
    args = parse_args()
    write = write_download if args.download else write_prepared
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task('phantoms', total=args.cases)
        write(
            args.out,
            n_cases=args.cases,
            shape=(args.size, args.size, args.slices),
            seed=args.seed,
            overwrite=args.overwrite,
            on_case=lambda case: progress.advance(task),
            **args.raw,
        )
    print(f'Wrote {args.cases} cases to {args.out}')


if __name__ == '__main__':
    try:
        main()
    except (ValueError, FileExistsError) as error:
        sys.exit(f'make_phantom: {error}')
