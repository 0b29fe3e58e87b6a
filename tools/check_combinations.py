"""Train a step of every combination of backbones and segmentors, and tabulate them."""

import sys

from lsnet_mm.experiments.combinations.command import main

if __name__ == '__main__':
    sys.exit(main())
