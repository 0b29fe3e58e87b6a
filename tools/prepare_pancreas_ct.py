"""Turn a download of Pancreas-CT (DICOM and labels) into a data set for training."""

import sys
from functools import partial
from pathlib import Path

from lsnet_mm.preparation import find_pancreas_ct
from lsnet_mm.preparation.command import build_parser, run


def main() -> int:
    parser = build_parser(__doc__, 'folder that TCIA was downloaded into, in any of its layouts')
    parser.add_argument('--labels', type=Path, help='folder of the labels, if it is another')
    args = parser.parse_args()
    find = partial(find_pancreas_ct, labels=args.labels, assume_hu=args.assume_hu)
    return run(args, find)


if __name__ == '__main__':
    sys.exit(main())
