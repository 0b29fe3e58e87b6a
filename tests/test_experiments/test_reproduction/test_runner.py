"""Runs as processes, with tools that only pretend to train."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from fake_runs import put_checkpoint, put_result, write_fake_tools

from lsnet_mm.experiments.reproduction import Run, find_system, runner
from lsnet_mm.experiments.reproduction.run import HASH_FILE
from lsnet_mm.experiments.reproduction.runner import (
    DONE,
    FAILED,
    REFUSED,
    STOPPED,
    Runner,
    make_devices,
)

UNET, FCN = (Run(find_system(f'{net}_small_slices'), 'slices') for net in ('unet', 'fcn'))
GAP = Run(find_system('lsnet_small_unet_slices'), 'slices', train_split=True)
ROUNDS = Run(find_system('lsnet_small_unet_slices_rounds'), 'slices')
# A command with the fake tools, in a process of its own.
PROGRAM = f"""
import os, pathlib
from lsnet_mm.experiments.reproduction import Run, find_system, runner
runner.ROOT = pathlib.Path.cwd()
run = Run(find_system({UNET.system.name!r}), 'slices')
runner.Runner([run], [os.environ]).run(lambda: None)
"""


@pytest.fixture
def run(here, monkeypatch):
    """Run these, so many at once; gives their statuses, and what the tools were called for."""
    monkeypatch.setattr(runner, 'ROOT', here)

    def run(runs, devices=1, resume=False, **tools):
        write_fake_tools(here, runs, **tools)
        job = Runner(runs, [os.environ] * devices, resume)
        job.run(lambda: None)
        order = here / 'order.txt'
        return [*job.statuses.values()], order.read_text().splitlines() if order.exists() else []

    return run


def test_a_run_is_trained_and_tested(run):
    (unet,), order = run([UNET])
    assert (unet.state, unet.message) == (DONE, '')
    assert order == ['train unet_small_slices', 'test unet_small_slices of unet_small_slices']
    assert (UNET.work_dir / HASH_FILE).read_text().strip() == UNET.training_sha256()
    assert (unet.dsc, unet.epochs) == (50, 32)


def test_training_slices_are_tested_into_a_folder_of_their_own(run):
    (gap,), order = run([GAP])
    assert gap.state == DONE
    assert order[1:] == [
        'test lsnet_small_unet_slices of lsnet_small_unet_slices',
        'test lsnet_small_unet_slices/train of lsnet_small_unet_slices',
    ]


def test_what_is_done_is_skipped(run):
    put_result(UNET)
    (unet,), order = run([UNET])
    assert (unet.state, unet.message, order) == (DONE, 'its result is there: skipped', [])
    assert unet.pace == 10  # 8 minutes for 48 epochs


def test_weights_are_waited_for(run):
    statuses, order = run([ROUNDS, GAP], devices=2)
    assert [each.state for each in statuses] == [DONE, DONE]
    assert order[-1] == 'test lsnet_small_unet_slices_rounds of lsnet_small_unet_slices'


def test_one_that_fails_says_why_and_the_others_go_on(run):
    statuses, order = run([GAP, ROUNDS, FCN], fail='lsnet_small_unet_slices')
    assert [each.state for each in statuses] == [FAILED, REFUSED, DONE]
    log = 'work_dirs/reproduce/slices/lsnet_small_unet_slices/seed0/train.log'
    assert statuses[0].message == f'RuntimeError: out of memory ({log})'
    assert 'holds no finished training' in statuses[1].message


def test_one_that_is_refused_is_left_as_it_is(run, here):
    put_checkpoint(UNET, 3)
    before = {path: path.stat().st_mtime_ns for path in UNET.work_dir.iterdir()}
    statuses, order = run([UNET, FCN])
    assert [each.state for each in statuses] == [REFUSED, DONE]
    assert '--resume' in statuses[0].message
    assert {path: path.stat().st_mtime_ns for path in UNET.work_dir.iterdir()} == before


def test_a_disk_that_refuses_one_leaves_the_others(run, here):
    UNET.work_dir.parent.mkdir(parents=True)
    UNET.work_dir.write_text('a file where the folder should be')
    statuses, _ = run([UNET, FCN])
    assert [each.state for each in statuses] == [REFUSED, DONE]


def test_a_resumed_training_starts_from_its_checkpoint(run):
    put_checkpoint(UNET, 3)
    run([UNET], resume=True, fail='unet_small_slices')
    config = (UNET.work_dir / 'unet_small_slices.py').read_text()
    assert "load_from = 'work_dirs/reproduce/slices/unet_small_slices/seed0/epoch_3.pth'" in config
    assert 'resume = True' in config


def test_a_training_that_ends_too_early_has_failed(run):
    (unet,), _ = run([UNET], epochs=31)
    assert (unet.state, unet.message) == (
        FAILED,
        'train ended without an error and without a result',
    )


def test_a_folder_in_use_is_left_alone(run):
    UNET.work_dir.mkdir(parents=True)
    with (UNET.work_dir / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (unet,), order = run([UNET])
    assert unet.state == REFUSED and 'in use by another process' in unet.message
    assert order == []


def test_each_run_has_a_device_to_itself(here, monkeypatch):
    monkeypatch.setattr(runner, 'ROOT', here)
    write_fake_tools(here, [UNET, FCN, GAP], sleep=1)
    Runner([UNET, FCN, GAP], [{**os.environ, 'DEVICE': name} for name in 'ab']).run(lambda: None)
    first, second, third = ((r.work_dir / 'device').read_text() for r in (UNET, FCN, GAP))
    assert {first, second} == {'a', 'b'} and third in {'a', 'b'}


@pytest.mark.parametrize('error', [KeyboardInterrupt, RuntimeError])
def test_what_stops_the_command_stops_the_processes(here, monkeypatch, error):
    """From the thread that shows, as Ctrl-C does, or from the one that runs the process."""

    def fail(*args):
        if (UNET.work_dir / 'pid').exists():
            raise error

    monkeypatch.setattr(runner, 'ROOT', here)
    write_fake_tools(here, [UNET], sleep=60)
    job = Runner([UNET], [os.environ])
    if error is RuntimeError:
        monkeypatch.setattr(runner.Status, 'read_progress', fail)
    with pytest.raises(error):
        job.run(fail if error is KeyboardInterrupt else lambda: None)
    assert error is RuntimeError or job.statuses[UNET].state == STOPPED
    with pytest.raises(ProcessLookupError):
        os.kill(int((UNET.work_dir / 'pid').read_text()), 0)
    with (UNET.work_dir / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_training_that_outlives_its_command_keeps_the_folder(run, here):
    write_fake_tools(here, [UNET], sleep=60)
    command = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', PROGRAM])
    pid, deadline = UNET.work_dir / 'pid', time.monotonic() + 600
    while not pid.exists():
        assert command.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    command.kill()
    command.wait()
    try:
        (unet,), _ = run([UNET])
        assert unet.state == REFUSED
        assert unet.message.endswith('in use by another process. Wait for it, or stop it.')
    finally:
        os.killpg(int(pid.read_text()), signal.SIGKILL)


@pytest.fixture
def gpus(monkeypatch):
    """Call it to have so many GPUs, and 8 cores."""

    def gpus(count):
        for name in ('OMP_NUM_THREADS', 'CUDA_VISIBLE_DEVICES'):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(os, 'cpu_count', lambda: 8)
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: count > 0)
        monkeypatch.setattr(torch.cuda, 'device_count', lambda: count)

    return gpus


def test_cores_are_shared(gpus):
    gpus(0)
    assert [device['OMP_NUM_THREADS'] for device in make_devices()] == ['8']
    devices = make_devices(3)
    assert [device['OMP_NUM_THREADS'] for device in devices] == ['2'] * 3
    assert 'CUDA_VISIBLE_DEVICES' not in devices[0]


@pytest.mark.parametrize('jobs, devices', [(None, ['0', '1']), (1, ['0']), (3, ['0', '1', '0'])])
def test_a_run_a_gpu(gpus, jobs, devices):
    gpus(2)
    assert [device['CUDA_VISIBLE_DEVICES'] for device in make_devices(jobs)] == devices


def test_what_the_user_has_set_stays(gpus, monkeypatch):
    gpus(2)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,6')
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    devices = make_devices()
    assert [device['CUDA_VISIBLE_DEVICES'] for device in devices] == ['4', '6']
    assert devices[0]['OMP_NUM_THREADS'] == '5'
