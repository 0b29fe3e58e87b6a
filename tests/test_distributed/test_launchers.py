"""What starts the processes: Slurm as mmengine reads it. No cluster and no GPU is there."""

import os
import runpy
import sys
from pathlib import Path
from unittest import mock

import mmengine.device  # noqa: F401  looks for a GPU once, when it is imported
import pytest
import torch
from launch import ROOT, finish, free_port, start

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


class Reached(Exception):
    pass


def test_slurm_on_gpus_reaches_the_process_group(cluster, tmp_path):
    """Up to the call that needs the cluster: tool, config, mmengine's runner, its init_dist."""
    config = ROOT / 'configs' / 'lsnet' / 'lsnet_small_phantom.py'
    argv = ['train.py', str(config), '--launcher', 'slurm', '--unsafe-checkpoint']
    argv += ['--work-dir', str(tmp_path), '--cfg-options', 'env_cfg.dist_cfg.timeout=600']
    task = {**TASK, 'SLURM_PROCID': '1', 'SLURM_LOCALID': '1', 'PATH': cluster}
    with (
        mock.patch.object(sys, 'argv', argv),
        mock.patch.dict(os.environ, task),
        mock.patch('lsnet_mm.utils.cli.keep_memory'),
        mock.patch.object(torch.cuda, 'is_available', lambda: True),
        mock.patch.object(torch.cuda, 'set_device') as set_device,
        mock.patch.object(torch.distributed, 'init_process_group', side_effect=Reached) as group,
    ):
        os.environ.pop('MASTER_ADDR', None)
        with pytest.raises(Reached):
            runpy.run_path(str(ROOT / 'tools' / 'train.py'), run_name='__main__')
        names = ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT')
        found = [os.environ.get(name) for name in names]
    assert found == ['1', '2', '1', '127.0.0.1', '29500']
    set_device.assert_called_once_with(1)
    assert group.call_args.kwargs['backend'] == 'nccl'
    assert group.call_args.kwargs['timeout'].total_seconds() == 600
