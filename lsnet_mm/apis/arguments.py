"""Segment CT studies: from a folder of DICOM or a NIfTI file to a mask that opens in a viewer."""

import argparse
from functools import partial
from pathlib import Path

from ..utils.cli import plain_parser

#: Precisions of the nets, the exact one first.
DTYPES = ('float32', 'bfloat16', 'float16')


def main() -> int:
    """The console script: ``--help`` and mistakes first, the rest loads torch."""
    build_parser().parse_args()
    from .command import main

    return main()


def build_parser() -> argparse.ArgumentParser:
    """The arguments of ``lsnet-segment``."""
    parser = plain_parser(__doc__, prog='lsnet-segment')
    parser.add_argument(
        'studies',
        nargs='+',
        type=Path,
        metavar='STUDY',
        help='DICOM folder (of one series or more), NIfTI file, or folder of studies',
    )
    parser.add_argument(
        *('-m', '--model'),
        nargs=2,
        metavar=('CONFIG', 'CHECKPOINT'),
        help='config, and the checkpoint that was trained with it; default: the weights that come '
        'along, for the pancreas',
    )
    parser.add_argument('-o', '--out', type=Path, required=True, help='folder to write to')
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
    parser.add_argument(
        '--assume-hu', action='store_true', help='take voxels for HU even if they do not look so'
    )
    parser.add_argument('--overwrite', action='store_true', help='replace other outputs in OUT')
    parser.add_argument(
        '--list',
        type=Path,
        metavar='FILE',
        help='list there which study is which file',
    )
    parser.add_argument(
        '--report', type=Path, metavar='FILE', help='write there what the run did, as JSON'
    )
    parser.add_argument('--device', help='such as cuda:1 or cpu; default: a GPU if there is one')
    parser.add_argument('--workers', type=int, default=1, help='studies at a time (1)')
    parser.add_argument('--batch-size', type=int, default=8, help='slices at a time (8)')
    parser.add_argument('--dtype', choices=DTYPES, default='float32', help='of the nets (float32)')
    parser.add_argument('--compile', action='store_true', help='the nets, by torch.compile')
    parser.add_argument(
        '--unsafe-checkpoint',
        action='store_true',
        help='let the checkpoint run code when it is loaded; only for a file that you trust',
    )
    return parser
