"""One of two processes: what it found out goes to OUT/rank<n>.pth."""

import datetime
import sys

import torch
from gradients import SCENARIOS, as_runner_wraps, gradients
from torch import distributed
from training import LOOPS, train, validate_and_save

KINDS = ('epoch', 'iter')


def main(out):
    distributed.init_process_group('gloo', timeout=datetime.timedelta(minutes=10))
    rank = distributed.get_rank()
    share = slice(2 * rank, 2 * rank + 2)
    found = {name: gradients(name, share, as_runner_wraps) for name in SCENARIOS}
    found['trained'] = {name: train(name, out, ranks=2)[0] for name in LOOPS}
    found['statistics'] = {kind: validate_and_save(out, kind) for kind in KINDS}
    torch.save(found, f'{out}/rank{rank}.pth')
    distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])
