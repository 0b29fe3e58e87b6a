"""What is shown while runs are under way."""

import io
import json

import pytest
from fake_runs import put_checkpoint, put_result
from rich.console import Console

from lsnet_mm.experiments.reproduction import Run, find_system
from lsnet_mm.experiments.reproduction.overview import (
    duration,
    overview,
    seconds_left,
    summary,
    total_seconds,
)
from lsnet_mm.experiments.reproduction.runner import TRAINING, Runner, Status

UNET = find_system('unet_small_slices')
DONE, OPEN = Run(UNET, 'slices'), Run(UNET, 'slices', 1)
REFUSED = Run(find_system('fcn_small_slices'), 'slices')


@pytest.fixture
def statuses(here):
    """One done in 8 minutes, one at epoch 12 of 32, and one that is refused."""
    put_result(DONE)
    put_checkpoint(OPEN, 12)
    log(OPEN, '20260101_000000', {'epoch': 12}, {'step': 12, 'slice_fg/dsc': 51.26})
    put_checkpoint(REFUSED, 3)
    resumed = Runner([OPEN], [{}], resume=True)
    return Runner([DONE, REFUSED], [{}]).statuses | resumed.statuses


def log(run, start, *lines):
    path = run.work_dir / start / 'vis_data' / 'scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, lines)))


def test_progress_is_what_the_last_start_says(here):
    log(OPEN, '20260101_000000', {'epoch': 12}, {'step': 12, 'slice_fg/dsc': 51.0})
    log(OPEN, '20260102_000000', {'epoch': 7})
    with (OPEN.work_dir / '20260102_000000/vis_data/scalars.json').open('a') as file:
        file.write('\n{"epoch": 8, "los')
    for run, expected in ((OPEN, Status(epoch=7, dsc=51.0)), (DONE, Status())):
        status = Status()
        status.read_progress(run.work_dir)
        assert status == expected


def test_time_left(statuses):
    assert seconds_left(OPEN, statuses) == 200  # 20 epochs of 10 s
    assert seconds_left(DONE, statuses) == seconds_left(REFUSED, statuses) == 0
    assert total_seconds(statuses, 2) == 200  # the longest run is not shared
    statuses[OPEN].pace = 20
    assert seconds_left(OPEN, statuses) == 400
    assert seconds_left(OPEN, {OPEN: statuses[OPEN]}) == 400


def test_time_left_is_unknown_before_the_first_epoch(here):
    statuses = Runner([OPEN], [{}]).statuses
    assert total_seconds(statuses, 1) is None
    assert summary(statuses, 1) == '1 waiting; about ? left'


@pytest.mark.parametrize('seconds, text', [(None, '?'), (299, '5 min'), (12000, '3 h 20 min')])
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_lines_without_a_terminal(statuses):
    out = io.StringIO()
    with overview(statuses, 1, Console(file=out)) as show:
        show()
        show()
        statuses[OPEN].state = TRAINING
        show()
    lines = out.getvalue().splitlines()
    assert lines[0] == 'unet_small_slices seed0: done (its result is there: skipped)'
    assert lines[1].startswith('fcn_small_slices seed0: refused (work_dirs/reproduce/slices/fcn_')
    assert lines[2:] == ['unet_small_slices seed1: training, epoch 12/32, 3 min left, DSC 51.3']


def test_a_table_on_a_terminal(statuses):
    out = io.StringIO()
    statuses[OPEN].state = TRAINING
    with overview(statuses, 1, Console(file=out, force_terminal=True, width=200)) as show:
        show()
    title, text = out.getvalue().split('\n', 1)
    assert text.index('training') < text.index('refused') < text.index('skipped')
    assert '12/32' in text and '51.3' in text
    assert '1 done, 1 refused, 1 training; about 3 min left' in title
