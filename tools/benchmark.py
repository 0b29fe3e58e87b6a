"""Size, training step, whole-volume inference, memory and loader of systems side by side."""

import sys

from lsnet_mm.experiments.benchmark.command import main

if __name__ == '__main__':
    sys.exit(main())
