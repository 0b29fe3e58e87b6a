"""Runs as processes, with tools that only pretend to train, and what is shown meanwhile."""

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
from fake_runs import put_checkpoint, put_result, write_fake_tools
from rich.console import Console

from lsnet_mm.experiments.reproduction import runner
from lsnet_mm.experiments.reproduction.run import DONE, FAILED, HASH_FILE, TRAIN, Run
from lsnet_mm.experiments.reproduction.runner import carry_out, overview, summary
from lsnet_mm.experiments.reproduction.tables import find_system

# A command with the fake tools, in a process of its own.
PROGRAM = """
import os, pathlib
from lsnet_mm.experiments.reproduction import runner
from lsnet_mm.experiments.reproduction.run import Run
from lsnet_mm.experiments.reproduction.tables import find_system
runner.ROOT = pathlib.Path.cwd()
runner.carry_out([Run(find_system('unet_small_slices'), 'slices')], [os.environ])
"""


def fixture_of(name, **settings):
    return pytest.fixture(lambda here: Run(find_system(name), 'slices', **settings))


unet = fixture_of('unet_small_slices')
fcn = fixture_of('fcn_small_slices')
gap = fixture_of('lsnet_small_unet_slices', train_split=True)
rounds = fixture_of('lsnet_small_unet_slices_rounds')


@pytest.fixture(autouse=True)
def _tools_are_those_of_the_folder(here, monkeypatch):
    monkeypatch.setattr(runner, 'ROOT', here)


@pytest.fixture
def carried_out(here):
    """Carry these out, one at once; gives their states, and what the tools were called for."""

    def carried_out(*runs, devices=(os.environ,), resume=False, **tools):
        write_fake_tools(here, runs, **tools)
        for run in runs:
            run.inspect(resume)
        carry_out(runs, devices, resume)
        order = here / 'order.txt'
        called = order.read_text().splitlines() if order.exists() else []
        return [run.state for run in runs], called

    return carried_out


def log(run, start, *lines):
    path = run.work_dir / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, lines)))
    return path


def test_a_run_is_trained_and_tested(carried_out, unet):
    states, order = carried_out(unet)
    assert (states, unet.message, unet.dsc, unet.epochs) == ([DONE], '', 50, 32)
    assert order == ['train unet_small_slices', 'test unet_small_slices of unet_small_slices']
    assert (unet.work_dir / HASH_FILE).read_text().strip() == unet.sha256(training=True)


def test_training_slices_are_tested_into_a_folder_of_their_own(carried_out, gap):
    states, order = carried_out(gap)
    assert states == [DONE]
    assert order[1:] == [
        'test lsnet_small_unet_slices of lsnet_small_unet_slices',
        'test lsnet_small_unet_slices/train of lsnet_small_unet_slices',
    ]


def test_what_is_done_is_skipped(carried_out, unet):
    put_result(unet)
    assert carried_out(unet) == ([DONE], [])
    assert unet.message == 'its result is there: skipped'


def test_weights_are_waited_for(carried_out, rounds, gap):
    states, order = carried_out(rounds, gap, devices=[os.environ] * 2)
    assert states == [DONE, DONE]
    assert order[-1] == 'test lsnet_small_unet_slices_rounds of lsnet_small_unet_slices'


def test_one_that_fails_says_why_and_the_others_go_on(carried_out, gap, rounds, fcn):
    states, order = carried_out(gap, rounds, fcn, fail='lsnet_small_unet_slices')
    assert states == [FAILED, FAILED, DONE]
    path = 'work_dirs/reproduce/slices/lsnet_small_unet_slices/seed0/train.log'
    assert gap.message == f'RuntimeError: out of memory ({path})'
    assert 'holds no finished training' in rounds.message


def test_one_that_may_not_be_resumed_is_left_as_it_is(carried_out, unet, fcn):
    put_checkpoint(unet, 3)
    before = {path: path.stat().st_mtime_ns for path in unet.work_dir.iterdir()}
    assert carried_out(unet, fcn)[0] == [FAILED, DONE]
    assert '--resume' in unet.message
    assert {path: path.stat().st_mtime_ns for path in unet.work_dir.iterdir()} == before


def test_a_result_without_its_training_is_not_made_up_for(carried_out, gap):
    put_result(gap)
    assert carried_out(gap) == ([FAILED], [])
    assert gap.message.endswith('is there already, move it away to train again.')


def test_a_disk_that_refuses_one_leaves_the_others(carried_out, unet, fcn):
    unet.work_dir.parent.mkdir(parents=True)
    unet.work_dir.write_text('a file where the folder should be')
    assert carried_out(unet, fcn)[0] == [FAILED, DONE]


def test_a_resumed_training_starts_from_its_own_checkpoint(carried_out, unet):
    put_checkpoint(unet, 3)
    carried_out(unet, resume=True, fail='unet_small_slices')
    config = (unet.work_dir / 'unet_small_slices.py').read_text()
    assert 'resume = True' in config and 'load_from = None' in config


def test_a_training_that_ends_too_early_has_failed(carried_out, unet):
    assert carried_out(unet, epochs=31)[0] == [FAILED]
    assert unet.message == 'train ended without an error and a result'


def test_a_folder_in_use_is_left_alone(carried_out, unet):
    unet.work_dir.mkdir(parents=True)
    with (unet.work_dir / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert carried_out(unet) == ([FAILED], [])
    assert 'in use by another process' in unet.message


def test_each_run_has_a_device_to_itself(carried_out, unet, fcn, gap):
    devices = [{**os.environ, 'DEVICE': name} for name in 'ab']
    carried_out(unet, fcn, gap, devices=devices, sleep=1)
    first, second, third = ((r.work_dir / 'device').read_text() for r in (unet, fcn, gap))
    assert {first, second} == {'a', 'b'} and third in {'a', 'b'}


@pytest.mark.parametrize('error', [KeyboardInterrupt, RuntimeError])
def test_what_stops_the_command_stops_the_processes(here, monkeypatch, unet, fcn, error):
    """From the thread that shows, as Ctrl-C does, or from the one that runs the process."""

    def fail(*args):
        if (unet.work_dir / 'pid').exists():
            raise error

    write_fake_tools(here, [unet, fcn], sleep=60)
    if error is RuntimeError:
        monkeypatch.setattr(Run, 'read_progress', fail)
    with pytest.raises(error):
        carry_out([unet, fcn], [os.environ], False, fail if error is KeyboardInterrupt else print)
    with pytest.raises(ProcessLookupError):
        os.kill(int((unet.work_dir / 'pid').read_text()), 0)
    with (unet.work_dir / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not fcn.work_dir.exists()


def test_a_training_that_outlives_its_command_keeps_the_folder(here, carried_out, unet):
    write_fake_tools(here, [unet], sleep=60)
    command = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', PROGRAM])
    deadline = time.monotonic() + 600
    while not (unet.work_dir / 'pid').exists():
        assert command.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    command.kill()
    command.wait()
    try:
        assert carried_out(unet)[0] == [FAILED]
        assert unet.message.endswith('in use by another process. Wait for it, or stop it.')
    finally:
        os.killpg(int((unet.work_dir / 'pid').read_text()), signal.SIGKILL)


def test_progress_is_what_the_last_start_says(unet, fcn):
    log(unet, '20260101_000000', {'epoch': 12}, {'step': 12, 'slice_fg/dsc': 51.0})
    with log(unet, '20260102_000000', {'epoch': 7}).open('a') as file:
        file.write('\n{"epoch": 8, "los')
    for run, expected in ((unet, (7, 51.0)), (fcn, (0, None))):
        run.read_progress()
        assert (run.epoch, run.dsc) == expected


@pytest.fixture
def runs(unet, fcn, gap):
    """One done, one at epoch 12 of 32, and one that failed."""
    put_result(unet)
    put_checkpoint(fcn, 3)
    put_checkpoint(gap, 12)
    log(gap, '20260101_000000', {'epoch': 12}, {'step': 12, 'slice_fg/dsc': 51.26})
    for run in (unet, fcn, gap):
        run.inspect(resume=run is gap)
    return [unet, fcn, gap]


def show_news(runs, monkeypatch, **console):
    """What is shown while one makes an epoch a minute, and is validated at the end."""
    now, out = [0.0], io.StringIO()
    monkeypatch.setattr(runner, 'Progress', partial(runner.Progress, get_time=lambda: now[0]))
    with overview(runs, Console(file=out, width=200, **console)) as show:
        show()
        runs[2].state = TRAIN
        for runs[2].epoch in (12, 17, 27):
            now[0] = 60.0 * runs[2].epoch
            runs[2].dsc = 54.321 if runs[2].epoch == 27 else 51.26
            show()
    return out.getvalue()


def test_lines_without_a_terminal(runs, monkeypatch):
    lines = show_news(runs, monkeypatch).splitlines()
    assert lines[0] == 'unet_small_slices seed0: done (its result is there: skipped)'
    assert lines[1].startswith('fcn_small_slices seed0: failed (work_dirs/reproduce/slices/fcn_')
    assert lines[2:] == [
        'lsnet_small_unet_slices seed0: train, DSC 51.3',
        'lsnet_small_unet_slices seed0: train, DSC 54.3; 0:05:00 left in all',
    ]
    assert summary(runs) == '1 done, 1 failed, 1 train'


def test_a_table_on_a_terminal(runs, monkeypatch):
    text = show_news(runs, monkeypatch, force_terminal=True)
    last = text[text.rindex('1 done, 1 failed, 1 train') :]
    assert (
        last.index('27/32') < last.index('0:05:00') < last.index('fcn_small_slices seed0: failed')
    )
    assert 'seed0: done' not in last and 'lsnet_small_unet_slices seed0: train, DSC 54.3' in last
