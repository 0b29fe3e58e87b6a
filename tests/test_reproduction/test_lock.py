"""A training that outlives the command that started it keeps its folder to itself."""

import os
import time

from fake_runs import write_fake_tools

from lsnet_mm.reproduction import Run, find_system, steps
from lsnet_mm.reproduction.job import REFUSED, TRAINING, Job

RUN = Run(find_system('unet_small_slices'), 'slices')


def test_an_orphan_keeps_the_lock(here, monkeypatch):
    monkeypatch.setattr(steps, 'ROOT', here)
    write_fake_tools(here, [RUN], sleep=60)
    first, second = Job(RUN), Job(RUN)
    first.start(os.environ)
    try:
        first._lock.close()  # as if its process had been killed: the child goes on
        deadline = time.monotonic() + 60
        while not (here / 'order.txt').exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        second.start(os.environ)
        assert (first.state, second.state) == (TRAINING, REFUSED)
        assert second.message.endswith('in use by another process. Wait for it, or stop it.')
    finally:
        first.stop()
