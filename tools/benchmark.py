"""Size, training step, whole-volume inference, memory and loader of systems side by side."""

import sys

from lsnet_mm.experiments.benchmark.arguments import parse_args

if __name__ == '__main__':
    parse_args()  # --help and mistakes first: the rest loads torch
    from lsnet_mm.experiments.benchmark.command import main

    sys.exit(main())
