"""Freed memory is kept for the next array: pages are asked for once."""

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

    kept = faults('from lsnet_mm.utils.machine import keep_memory; keep_memory()')
    assert 10 * kept < faults('')
