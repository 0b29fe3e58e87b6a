"""Run the systems of the paper and write its tables."""

import sys

from lsnet_mm.experiments.reproduction.arguments import parse_args

if __name__ == '__main__':
    parse_args()  # --help and mistakes first: the rest loads torch
    from lsnet_mm.experiments.reproduction.command import main

    sys.exit(main())
