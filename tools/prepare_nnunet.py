"""Check a data set in the layout of nnU-Net or the Decathlon and make it ready for training."""

import sys
from functools import partial

from lsnet_mm.preparation import find_nnunet
from lsnet_mm.preparation.command import build_parser, run


def main() -> int:
    parser = build_parser(__doc__, 'folder with imagesTr, labelsTr and dataset.json')
    parser.add_argument(
        '--keep-names', action='store_true', help='of cases, also where they are more than a number'
    )
    args = parser.parse_args()
    find = partial(find_nnunet, assume_hu=args.assume_hu, keep_names=args.keep_names)
    return run(args, find)


if __name__ == '__main__':
    sys.exit(main())
