"""Runs as processes, with tools that only pretend to train."""

import fcntl
import os

import pytest
from fake_runs import put_checkpoint, put_result, write_fake_tools

from lsnet_mm.reproduction import Run, find_system, steps
from lsnet_mm.reproduction.job import DONE, FAILED, REFUSED, STOPPED, Job
from lsnet_mm.reproduction.planning import HASH_FILE
from lsnet_mm.reproduction.scheduler import Scheduler

UNET, FCN = (Run(find_system(f'{net}_small_slices'), 'slices') for net in ('unet', 'fcn'))
GAP = Run(find_system('lsnet_small_unet_slices'), 'slices', train_split=True)
ROUNDS = Run(find_system('lsnet_small_unet_slices_rounds'), 'slices')


@pytest.fixture
def run(here, monkeypatch):
    """Run these, so many at once; gives the jobs, and what the tools were called for."""
    monkeypatch.setattr(steps, 'ROOT', here)

    def run(runs, slots=1, resume=False, on_tick=lambda: None, **tools):
        write_fake_tools(here, runs, **tools)
        jobs = [Job(each, resume) for each in runs]
        Scheduler(jobs, [os.environ] * slots).run(on_tick)
        order = here / 'order.txt'
        return jobs, order.read_text().splitlines() if order.exists() else []

    return run


def test_a_run_is_trained_and_tested(run):
    (unet,), order = run([UNET])
    assert (unet.state, unet.message) == (DONE, '')
    assert order == ['train unet_small_slices', 'test unet_small_slices of unet_small_slices']
    assert (UNET.work_dir / HASH_FILE).read_text().strip() == UNET.training_sha256()
    assert (unet.progress.dsc, unet.epochs) == (50, 32)


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
    jobs, order = run([ROUNDS, GAP], slots=2)
    assert [each.state for each in jobs] == [DONE, DONE]
    assert order[-1] == 'test lsnet_small_unet_slices_rounds of lsnet_small_unet_slices'


def test_one_that_fails_says_why_and_the_others_go_on(run):
    jobs, order = run([GAP, ROUNDS, FCN], fail='lsnet_small_unet_slices')
    assert [each.state for each in jobs] == [FAILED, REFUSED, DONE]
    log = 'work_dirs/reproduce/slices/lsnet_small_unet_slices/seed0/train.log'
    assert jobs[0].message == f'RuntimeError: out of memory ({log})'
    assert 'holds no finished training' in jobs[1].message


def test_one_that_is_refused_is_left_as_it_is(run, here):
    put_checkpoint(UNET, 3)
    before = {path: path.stat().st_mtime_ns for path in UNET.work_dir.iterdir()}
    jobs, order = run([UNET, FCN])
    assert [each.state for each in jobs] == [REFUSED, DONE]
    assert '--resume' in jobs[0].message
    assert {path: path.stat().st_mtime_ns for path in UNET.work_dir.iterdir()} == before


def test_a_resumed_training_starts_from_its_checkpoint(run):
    put_checkpoint(UNET, 3)
    run([UNET], resume=True)
    config = (UNET.work_dir / 'unet_small_slices.py').read_text()
    assert (UNET.work_dir / 'train.log').is_file()
    assert "out_dir='results/slices/unet_small_slices/seed0'" in config  # of the test, by now


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


def test_an_interruption_stops_the_processes(run, here):
    def interrupt():
        if (here / 'order.txt').exists():
            raise KeyboardInterrupt

    write_fake_tools(here, [UNET], sleep=60)
    jobs = [Job(UNET)]
    with pytest.raises(KeyboardInterrupt):
        Scheduler(jobs, [os.environ]).run(interrupt)
    assert jobs[0].state == STOPPED
    assert jobs[0]._process.poll() is not None
    with (UNET.work_dir / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
