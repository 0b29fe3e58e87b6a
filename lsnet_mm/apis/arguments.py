"""Segment CT studies: from a folder of DICOM or a NIfTI file to a mask that opens in a viewer."""

import argparse
import re
from functools import partial
from math import inf
from pathlib import Path

from ..utils.cli import add_unsafe_checkpoint, plain_parser

#: Precisions of the nets, the exact one first.
DTYPES = ('float32', 'bfloat16', 'float16')


def main() -> int:
    """The console script: ``--help`` and mistakes first, the rest loads torch."""
    args = read_arguments()
    if args.list:
        from .listing import list_series

        return list_series(args.studies, args.series, args.names)
    from .command import main

    return main()


def read_arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """What was asked for; mistakes end the process."""
    parser = build_parser()
    args = parser.parse_intermixed_args(argv)  # studies may stand anywhere
    if args.model and args.weights:
        parser.error('-m/--model and -w/--weights are two ways to name a model. Give one')
    if not (args.list or args.out):
        parser.error('-o/--out is needed, except with --list')
    if args.names and args.out and args.names.resolve().is_relative_to(args.out.resolve()):
        parser.error(f'{args.names} is inside {args.out}, which may be shared. Name another')
    if args.window and not -inf < args.window[0] < args.window[1] < inf:
        parser.error('--window takes the lower HU first, then the higher')
    return args


def _numbers(written: str) -> set[int]:
    """Of ``--series``: empty for all."""
    if not re.fullmatch(r'all|\d+(,\d+)*', written):
        raise argparse.ArgumentTypeError(f'{written!r} is neither all nor numbers as 2 or 1,3')
    return set() if written == 'all' else {int(number) for number in written.split(',')}


def build_parser() -> argparse.ArgumentParser:
    """The arguments of ``lsnet-segment``."""
    parser = plain_parser(__doc__, prog='lsnet-segment')
    parser.add_argument(
        'studies',
        nargs='+',
        type=Path,
        metavar='STUDY',
        help='DICOM folder (of one series or more), NIfTI file, PNG or JPG, or folder of these',
    )
    parser.add_argument(
        *('-m', '--model'),
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='config, and the checkpoint that was trained with it; default: the weights that come '
        'along, for the pancreas',
    )
    parser.add_argument(
        *('-w', '--weights'),
        metavar='NAME',
        help='other weights that come along, or a checkpoint of tools/export.py: both bring their '
        'config',
    )
    parser.add_argument('-o', '--out', type=Path, help='folder to write to')
    written = parser.add_argument_group('what is written beside the mask and the JSON')
    add = partial(written.add_argument, action='append_const', dest='kinds', default=['mask'])
    add('--dicom-seg', const='dicom_seg', help='a DICOM Segmentation')
    add('--dicom-labelmap', const='dicom_labelmap', help='one of the newer type LABELMAP')
    add('--probabilities', const='probability', help='that of foreground')
    add('--preview', const='preview', help='a PNG montage and an HTML page')
    tidy = parser.add_argument_group('tidying up')
    tidy.add_argument(
        '--largest-component',
        action=argparse.BooleanOptionalAction,
        help='keep that of each class alone, in 3D; default: with the weights that come along',
    )
    tidy.add_argument(
        '--min-volume', type=float, default=0, metavar='ML', help='remove parts that are smaller'
    )
    pictures = parser.add_argument_group('of PNG and JPG pictures')
    pictures.add_argument(
        '--window',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='HU of grey 0 and 255, in them and in those that the model was trained on; known '
        'where the checkpoint says its own',
    )
    pictures.add_argument('--spine', choices=('top', 'bottom'), help='where it is in them (top)')
    parser.add_argument(
        '--assume-hu', action='store_true', help='take voxels for HU even if they do not look so'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace other outputs in OUT')
    chosen = parser.add_argument_group('which series of a visit, by default one')
    chosen.add_argument(
        '--list', action='store_true', help='show the series and why one is chosen; segment none'
    )
    chosen.add_argument(
        '--series', type=_numbers, metavar='N[,N]', help='take these of that list, or all'
    )
    parser.add_argument(
        '--names',
        type=Path,
        metavar='FILE',
        help='write there which study, or place in a list, is which file',
    )
    parser.add_argument(
        '--report', type=Path, metavar='FILE', help='write there what the run did, as JSON'
    )
    parser.add_argument('--device', help='such as cuda:1 or cpu; default: a GPU if there is one')
    parser.add_argument('--workers', type=int, default=1, help='studies at a time (1)')
    parser.add_argument('--batch-size', type=int, default=8, help='slices at a time (8)')
    parser.add_argument('--dtype', choices=DTYPES, default='float32', help='of the nets (float32)')
    parser.add_argument('--compile', action='store_true', help='the nets, by torch.compile')
    add_unsafe_checkpoint(parser)
    return parser
