"""Train a step of every combination of backbones and segmentors, and tabulate them."""

import sys

from lsnet_mm.experiments.combinations.arguments import build_parser

if __name__ == '__main__':
    build_parser().parse_args()  # --help and mistakes first: the rest loads torch
    from lsnet_mm.experiments.combinations.command import main

    sys.exit(main())
