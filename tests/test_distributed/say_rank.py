"""Prepares a process as the tools do, and says what it found out about itself and the others."""

import os

from mmengine.dist import get_dist_info
from torch import distributed

from lsnet_mm.models.segmentors.lsnet import mean_over_ranks
from lsnet_mm.utils.cli import build_parser, start_run

parser = build_parser(__doc__)
start_run(parser, parser.parse_args())
rank, world_size = get_dist_info()
local, mean = os.environ['LOCAL_RANK'], mean_over_ranks(10 * (rank + 1))
print(f'rank {rank} of {world_size}, {local} here, mean {mean}', flush=True)
distributed.barrier()  # who leaves while the other is still asking, brings it down
distributed.destroy_process_group()
