"""Training that is killed or fills its disk resumes to the same weights, bit for bit, on a CPU."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from alternation import assert_same_state

from lsnet_mm.experiments.phantom import write_prepared

ROOT = Path(__file__).parents[1]
BY_EPOCH = """
_base_ = '{root}/configs/lsnet/lsnet_small_phantom.py'
data_root = '{data}'
train_dataloader = dict(
    num_workers={workers}, dataset=dict(data_root=data_root, slices='foreground')
)
val_dataloader = dict(num_workers=0, dataset=dict(data_root=data_root))
train_cfg = dict(max_epochs=3, val_interval=2)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=-1))
"""
BY_ITERATION = """
_base_ = './by_epoch.py'
train_dataloader = dict(sampler=dict(type='InfiniteSampler'))
train_cfg = dict(_delete_=True, type='AlternatingIterTrainLoop', max_iters=9, val_interval=4)
param_scheduler = [dict(type='LinearLR', start_factor=0.1, by_epoch=False, end=9)]
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=3), seed=dict(by_epoch=False))
"""


def command(config, work_dir, *more):
    return [sys.executable, 'tools/train.py', str(config), '--work-dir', str(work_dir), *more]


def train(*args, code=0):
    done = subprocess.run(command(*args), capture_output=True, text=True)
    assert done.returncode == code, done.stderr[-3000:]
    return done.stderr


def train_and_kill(config, work_dir, last):
    """Kills the process group as soon as a first checkpoint stands."""
    process = subprocess.Popen(
        command(config, work_dir),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 600
    while not (work_dir / 'last_checkpoint').exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (work_dir / last).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    'loop, workers, last',
    [('by_epoch', 0, 'epoch_3.pth'), ('by_epoch', 2, 'epoch_3.pth'), ('by_iter', 0, 'iter_9.pth')],
)
def test_resume_after_a_kill_is_bit_identical(tmp_path, loop, workers, last):
    data = tmp_path / 'phantom'
    write_prepared(data, 4, shape=(64, 64, 10), seed=0)
    (tmp_path / 'by_epoch.py').write_text(BY_EPOCH.format(root=ROOT, data=data, workers=workers))
    (tmp_path / 'by_iter.py').write_text(BY_ITERATION)
    config = tmp_path / f'{loop}.py'
    train(config, tmp_path / 'whole')
    train_and_kill(config, tmp_path / 'killed', last)
    train(config, tmp_path / 'killed', '--resume')
    assert_same_state(tmp_path / 'whole' / last, tmp_path / 'killed' / last)


@pytest.mark.slow
def test_kills_in_saves():
    drill = ROOT / 'tests' / 'drills' / 'kills_in_saves.py'
    done = subprocess.run([sys.executable, drill], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout.splitlines()[-1])
    assert counts['before a step of a save'] + counts['within a write'] >= 12
    assert counts['resumed to the same weights'] >= 18


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a disk of so many bytes, or changes it; called with them."""
    disk = tmp_path / 'disk'
    disk.mkdir()

    def mount(size):
        more = ',remount' if disk.is_mount() else ''
        command = ['mount', '-t', 'tmpfs', '-o', f'size={size}{more}', 'tmpfs', disk]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f'no small disk can be mounted here: {done.stderr.strip()}')
        return disk

    yield mount
    if disk.is_mount():
        subprocess.run(['umount', disk], check=True)


@pytest.mark.slow
def test_a_full_disk(tmp_path, small_disk):
    """There is room for one checkpoint, not for the next beside it."""
    small_disk(1 << 20)
    write_prepared(tmp_path / 'phantom', 4, shape=(64, 64, 10), seed=0)
    text = BY_EPOCH.format(root=ROOT, data=tmp_path / 'phantom', workers=0)
    config, last = tmp_path / 'config.py', 'epoch_3.pth'
    config.write_text(text.replace('max_keep_ckpts=-1', 'max_keep_ckpts=1'))
    train(config, tmp_path / 'whole')
    size = (tmp_path / 'whole' / last).stat().st_size
    run = small_disk(size * 3 // 2) / 'run'
    said = train(config, run, code=1).splitlines()[-1]
    assert said.startswith(f'{run}: epoch_2.pth could not be written (No space left on device)')
    assert [path.name for path in run.rglob('*.pth*')] == ['epoch_1.pth']
    small_disk(size * 3)
    train(config, run, '--resume')
    assert_same_state(tmp_path / 'whole' / last, run / last)
