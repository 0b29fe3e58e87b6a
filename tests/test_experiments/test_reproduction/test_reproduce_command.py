"""The command itself: killed in the middle of a training, refused, and resumed to a table."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from fake_runs import put_tiny_table

from lsnet_mm.evaluation.results import read_run
from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.experiments.reproduction import command, run
from lsnet_mm.experiments.reproduction.tables import TABLES, System
from lsnet_mm.utils.config import pretrained_parts

ROOT = Path(__file__).parents[3]
CONFIG = """
_base_ = '{root}/configs/lsnet/lsnet_small_unet_slices.py'
model = dict(roi_extractor=dict(size=(32, 32)))
train_cfg = dict(max_epochs=3, val_interval=1)
param_scheduler = []
"""
ARGUMENTS = ['--table', '4', '--data', 'phantom', '--scale', 'small']
# The command with a table of one small row, in a process of its own.
PROGRAM = """
import sys
sys.path[:0] = {path!r}
from fake_runs import put_tiny_table
from lsnet_mm.experiments.reproduction.command import main
put_tiny_table()
sys.exit(main(sys.argv[1:]))
"""


def main(capfd, *more):
    code = command.main([*ARGUMENTS, *more])
    return code, ''.join(capfd.readouterr())


@pytest.mark.slow
def test_killed_refused_resumed_and_reported(here, monkeypatch, capfd):
    write_prepared('data/phantom', 4, (64, 64, 8))
    Path('tiny.py').write_text(CONFIG.format(root=ROOT))
    monkeypatch.setenv('PYTHONPATH', str(ROOT))
    monkeypatch.setenv('OMP_NUM_THREADS', '1')
    work = Path('work_dirs/reproduce/phantom/tiny/seed0')

    program = PROGRAM.format(path=[str(ROOT), str(ROOT / 'tests')])
    process = subprocess.Popen([sys.executable, '-W', 'ignore', '-c', program, *ARGUMENTS])
    deadline = time.monotonic() + 600
    while not (work / 'last_checkpoint').exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(120) == 130
    assert 'with --resume goes on' in capfd.readouterr().err

    put_tiny_table(monkeypatch.setattr)
    code, output = main(capfd)
    assert code == 1
    assert 'of 3 epochs. Continue it with --resume, or move it away' in output

    code, output = main(capfd, '--resume')
    assert code == 0, output
    assert 'tiny seed0: train' in output and '1 done' in output
    result, rows = read_run('results/phantom/tiny/seed0')
    assert (result['config'], result['train']['epochs']) == ('tiny', 3)
    assert 0 < result['localizer']['gflops'] < result['gflops']
    split, _ = read_run('results/phantom/tiny/seed0/train_split')
    assert (result['data']['split'], split['data']['split']) == ('val', 'train')
    asked = (split['data'][key] for key in ('name', 'fold', 'split'))
    assert split['config_sha256'] == run.composed_sha256(System.of('tiny'), *asked)
    table = Path('results/phantom/tables/table4_small.md').read_text()
    assert '| L-SNet | ' in table and 'not run' not in table

    code, output = main(capfd)
    assert (code, 'its result is there: skipped' in output) == (0, True)
    assert '1 of 1 results are in results already, and stay. To run them anew, name' in output
    Path('data/phantom').rename('data/away')  # as in a clone: nothing is run, nothing is asked for
    assert main(capfd)[0] == 0


@pytest.mark.parametrize(
    'more, message',
    [
        (['--rows', 'horse'], '--rows: horse not in these tables: lsnet_small_unet_slices_gamma0'),
        (['--table', '8'], "invalid choice: '8'"),
        (['--table', '7'], 'there is no table 7 of --data phantom --scale small'),
        (['--jobs', '0'], '--jobs must be at least 1, got 0'),
    ],
)
def test_what_cannot_be_asked_for(capsys, more, message):
    with pytest.raises(SystemExit, match='2'):
        command.main([*ARGUMENTS, *more])
    assert message in capsys.readouterr().err


def test_data_are_asked_for_first(here, capsys):
    assert command.main(ARGUMENTS) == 1
    assert 'data/phantom does not exist. Put the data there' in capsys.readouterr().err


def plan(arguments):
    return command.plan(command.parse_args(f'--scale small {arguments}'.split()))


def test_a_row_of_two_tables_is_one_run():
    runs, tables = plan('--table all --data slices'), TABLES['small'].values()
    names = [run.system.name for run in runs]
    assert len(set(names)) == len(names)
    assert {run.system for run in runs} == {row.system for t in tables for row in t.rows}
    split = {run.system for run in runs if run.train_split}
    assert split == {row.system for row in TABLES['small'][4].rows}


def test_volumes_are_of_phantoms_alone():
    phantom, slices = (plan(f'--table all --scale paper --data {d}') for d in ('phantom', 'slices'))
    names = [run.system.name for run in phantom if run.system not in {r.system for r in slices}]
    assert names == ['unet_r34_pancreas_brief', 'lsnet_r18_r34_unet_pancreas_fast_brief']
    for config in (volumes.compose() for volumes in phantom[-2:]):
        assert config.test_evaluator.surface
        assert not list(pretrained_parts(config.model))


def test_seed_after_seed_and_fold_after_fold():
    runs = plan('--table 3 --data pancreas_ct --seeds 0 1 --folds 0 1')
    folders = [f'fold{fold}_seed{seed}' for seed in (0, 1) for fold in (0, 1)]
    assert [run.folder.name for run in runs[::2]] == folders
    assert len(plan('--table 3 --data pancreas_ct')) == 2 * 4
    assert len(plan('--table 3 --data slices')) == 2


def test_rows_bring_the_one_whose_weights_they_test():
    runs = plan('--table 1 --data slices --rows lsnet_small_unet_slices_rounds')
    names = ['lsnet_small_unet_slices', 'lsnet_small_unet_slices_rounds']
    assert [run.system.name for run in runs] == names
    assert runs[1].source.work_dir == runs[0].work_dir


@pytest.mark.parametrize(
    'gpus, set_by_user, jobs, expected',
    [
        (0, {}, None, [(None, '8')]),
        (0, {}, 3, [(None, '2')] * 3),
        (2, {}, None, [('0', '4'), ('1', '4')]),
        (2, {}, 1, [('0', '8')]),
        (2, {}, 3, [('0', '2'), ('1', '2'), ('0', '2')]),
        (
            2,
            {'CUDA_VISIBLE_DEVICES': '4,6', 'OMP_NUM_THREADS': '5'},
            None,
            [('4', '5'), ('6', '5')],
        ),
    ],
)
def test_devices(monkeypatch, gpus, set_by_user, jobs, expected):
    """The GPU and the threads of each, with 8 cores; what the user has set stays."""
    names = 'CUDA_VISIBLE_DEVICES', 'OMP_NUM_THREADS'
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for variable in set_by_user.items():
        monkeypatch.setenv(*variable)
    monkeypatch.setattr(os, 'cpu_count', lambda: 8)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)
    devices = command.make_devices(jobs)
    assert [tuple(device.get(name) for name in names) for device in devices] == expected
