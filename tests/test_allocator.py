"""Freed memory is kept for the next array: pages are asked for once. Or it is given back."""

import platform
import subprocess
import sys

import pytest

COUNT = """
import resource
import numpy as np
{}
def fill():
    return np.ones(40_000_000, np.uint8)
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='another C library')
def test_keep_memory():
    def faults(first_line):
        out = subprocess.run(
            [sys.executable, '-c', COUNT.format(first_line)], capture_output=True, check=True
        )
        return int(out.stdout)

    kept = faults('from lsnet_mm.allocator import keep_memory; keep_memory()')
    assert 10 * kept < faults('')


SIZE = """
import numpy as np
{}
def resident():
    lines = open('/proc/self/status').read().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith('VmRSS')))
before = resident()
blocks = [np.ones(100_000, np.uint8) for _ in range(1000)]
last = blocks.pop()  # holds the heap's end in place
del blocks
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='another C library')
def test_give_memory_back():
    def kept(first_line):
        out = subprocess.run(
            [sys.executable, '-c', SIZE.format(first_line)], capture_output=True, check=True
        )
        return int(out.stdout)

    least = kept('from lsnet_mm.allocator import give_memory_back; give_memory_back()')
    assert least < 10_000 < kept('')  # of 100,000 KB
