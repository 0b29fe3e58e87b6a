"""Run the systems of the paper and write its tables."""

import sys

from lsnet_mm.experiments.reproduction.command import main

if __name__ == '__main__':
    sys.exit(main())
