"""Make a data set of procedural abdominal CT, for tests and demonstrations."""

import argparse
import sys
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import track

from lsnet_mm.experiments.phantom import write_download, write_prepared
from lsnet_mm.utils.cli import plain_parser

RAW = {'layout': '--layout', 'slice_order': '--slice-order', 'label_folder': '--label-folder'}


def main() -> None:
    # What is not given is not passed on: the functions have the defaults.
    parser = plain_parser(__doc__, argument_default=argparse.SUPPRESS)
    add = parser.add_argument
    add('out', type=Path, help='folder to write; it must be empty or not exist')
    add('--cases', type=int, default=12, help='number of volumes (12)')
    add('--size', type=int, default=128, help='rows and columns (128)')
    add('--slices', type=int, default=24, help='slices of a volume (24)')
    add('--seed', type=int, help='seed of the whole set (0)')
    add('--organs', type=int, help='1: pancreas; 2: and spleen (1)')
    add('--overwrite', action='store_true', help='replace an earlier data set')
    raw = parser.add_argument_group(
        'raw form', 'by default the data come prepared, in the layout that training reads'
    )
    raw.add_argument('--download', action='store_true', help='write what TCIA delivers instead')
    raw.add_argument(RAW['layout'], choices=('nbia', 'doi', 'bare'), help='of its images (nbia)')
    raw.add_argument(
        RAW['slice_order'], choices=('ascending', 'descending'), help='of its files (ascending)'
    )
    raw.add_argument(RAW['label_folder'], choices=('plain', 'doubled'), help='(plain)')
    given = vars(parser.parse_args())
    download = given.pop('download', False)
    out, cases, size, slices = (given.pop(key) for key in ('out', 'cases', 'size', 'slices'))
    if not download and RAW.keys() & given.keys():
        parser.error(f'{", ".join(RAW.values())} need --download')
    if download and 'organs' in given:
        parser.error('--organs is for prepared data: the collection has one organ')
    write = write_download if download else write_prepared
    write(
        out,
        cases,
        (size, size, slices),
        track=partial(track, description='phantoms', console=Console(stderr=True)),
        **given,
    )
    print(f'Wrote {cases} cases to {out}')


if __name__ == '__main__':
    try:
        main()
    except (ValueError, FileExistsError) as error:
        sys.exit(f'make_phantom: {error}')
