"""What starts the processes: Slurm as mmengine reads it. No cluster and no GPU is there."""

import os
import sys
from pathlib import Path

import mmengine.device  # noqa: F401  looks for a GPU once, when it is imported
import pytest
from launch import finish, free_port, start

SCONTROL = """#!/bin/sh
# As Slurm's: one host a line.
[ "$*" = 'show hostname node[1-2]' ] && printf '127.0.0.1\\nnode2\\n'
"""
TASK = dict(SLURM_NTASKS='2', SLURM_NODELIST='node[1-2]')


@pytest.fixture
def cluster(tmp_path):
    """A PATH with scontrol on it."""
    (tmp_path / 'bin').mkdir()
    (tmp_path / 'bin' / 'scontrol').write_text(SCONTROL)
    (tmp_path / 'bin' / 'scontrol').chmod(0o755)
    return f'{tmp_path / "bin"}{os.pathsep}{os.environ["PATH"]}'


def test_slurm_on_cpus(cluster, tmp_path):
    (tmp_path / 'config.py').touch()
    script, port = Path(__file__).with_name('say_rank.py'), free_port()
    tasks = [
        start(
            *(sys.executable, script, tmp_path / 'config.py', '--launcher', 'slurm'),
            **TASK,
            **dict(SLURM_PROCID=str(n), SLURM_LOCALID='0', PATH=cluster, MASTER_PORT=port),
        )
        for n in range(2)
    ]
    for n, task in enumerate(tasks):
        text = finish(task)
        assert task.returncode == 0, text
        assert f'rank {n} of 2, 0 here, mean [15.0]' in text
