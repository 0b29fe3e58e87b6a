"""Segment CT studies: the console script lsnet-segment, without installing it."""

import sys

from lsnet_mm.apis.arguments import main

if __name__ == '__main__':
    sys.exit(main())
