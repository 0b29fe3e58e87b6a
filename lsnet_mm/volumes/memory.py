"""Memory, asked for before it is taken: a file of some megabytes may honestly hold gigabytes."""

import os
from contextlib import suppress
from pathlib import Path

from .volume import VolumeError

#: Most voxels of a volume: two metres of the finest detectors, which are 1024 wide.
VOXELS = 1 << 31
_LIMITS = ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes')


def check_memory(where: str, voxels: int, each: int) -> None:
    """Refuse a volume that no scanner makes, or that this machine cannot hold.

    Args:
        where: What it is, for the message.
        voxels: Of the whole volume.
        each: Bytes that a voxel takes while it is read.

    Raises:
        VolumeError: If it is too large.
    """
    size, free = voxels * each / 1e9, free_memory() / 1e9
    if voxels > VOXELS:
        reason = f'it would be {voxels:.1e} voxels, more than a scan has'
        raise VolumeError(where, reason, 'Correct its header, or leave it out')
    if size > free:
        reason = f'it takes {size:.1f} GB of memory to read, and {free:.1f} GB are free'
        raise VolumeError(where, reason, 'Cut it, or use a machine with more memory')


def free_memory() -> int:
    """Bytes that this process could hold, as far as the system tells."""
    known = []
    with suppress(AttributeError, OSError, ValueError):  # as on Windows
        page = os.sysconf('SC_PAGE_SIZE')
        known.append(page * os.sysconf('SC_PHYS_PAGES'))
        [available] = [
            int(line.split()[1]) << 10
            for line in Path('/proc/meminfo').read_text().splitlines()
            if line.startswith('MemAvailable:')
        ]
        # Much of what the process has is kept for the next volume, and counts as taken.
        own = page * int(Path('/proc/self/statm').read_text().split()[1])
        known.append(available + own)
    for limit in _LIMITS:  # of a container
        with suppress(OSError, ValueError):  # not there, or no limit
            known.append(int(Path(limit).read_text()))
    return min(known, default=1 << 40)
