"""Training that is killed and resumed ends at the same weights, bit for bit, on a CPU."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from lsnet_mm.phantom import write_prepared

CONFIG = 'configs/lsnet/lsnet_small_phantom.py'
EPOCHS = 3


def command(data, work_dir, workers, *more):
    options = [
        f'data_root={data}',
        f'train_dataloader.dataset.data_root={data}',
        f'val_dataloader.dataset.data_root={data}',
        f'test_dataloader.dataset.data_root={data}',
        f'train_dataloader.num_workers={workers}',
        'val_dataloader.num_workers=0',
        'train_dataloader.dataset.slices=foreground',
        f'train_cfg.max_epochs={EPOCHS}',
        'train_cfg.val_interval=2',
        'default_hooks.checkpoint.max_keep_ckpts=-1',
    ]
    script = [sys.executable, 'tools/train.py', CONFIG, '--work-dir', str(work_dir)]
    return [*script, *more, '--cfg-options', *options]


def train(*args):
    done = subprocess.run(command(*args), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def train_and_kill(data, work_dir, workers):
    """Kills the process group as soon as the checkpoint of epoch 1 stands."""
    process = subprocess.Popen(
        command(data, work_dir, workers),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not (work_dir / 'last_checkpoint').exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (work_dir / f'epoch_{EPOCHS}.pth').exists()


def tensors(value, path=''):
    """All tensors in a nested state, by path."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, dict):
        for key in value:
            yield from tensors(value[key], f'{path}/{key}')


@pytest.mark.parametrize('workers', [0, 2])
def test_resume_after_a_kill_is_bit_identical(tmp_path, workers):
    data = tmp_path / 'phantom'
    write_prepared(data, 4, shape=(64, 64, 10), seed=0)
    train(data, tmp_path / 'whole', workers)
    train_and_kill(data, tmp_path / 'killed', workers)
    train(data, tmp_path / 'killed', workers, '--resume')
    states = [
        torch.load(tmp_path / run / f'epoch_{EPOCHS}.pth', weights_only=False)
        for run in ('whole', 'killed')
    ]
    for part in ('state_dict', 'optimizer'):
        whole, resumed = (dict(tensors(state[part])) for state in states)
        assert whole.keys() == resumed.keys() and len(whole) > 100
        assert all(torch.equal(whole[k], resumed[k]) for k in whole)
