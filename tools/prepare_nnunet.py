"""Check a data set in the layout of nnU-Net or the Decathlon and make it ready for training."""

import sys

from lsnet_mm.preparation import find_nnunet
from lsnet_mm.preparation.prepare import build_parser, run


def main() -> int:
    parser = build_parser(__doc__, 'folder with imagesTr, labelsTr and dataset.json')
    return run(parser.parse_args(), find_nnunet)


if __name__ == '__main__':
    sys.exit(main())
