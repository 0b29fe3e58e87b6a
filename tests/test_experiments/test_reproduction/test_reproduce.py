"""The command itself: killed in the middle of a training, refused, and resumed to a table."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lsnet_mm.evaluation.results import read_run
from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.experiments.reproduction import Row, System, Table, command, composing

ROOT = Path(__file__).parents[3]
CONFIG = """
_base_ = '{root}/configs/lsnet/lsnet_small_unet_slices.py'
model = dict(roi_extractor=dict(size=(32, 32)))
train_cfg = dict(max_epochs=3, val_interval=1)
param_scheduler = []
"""
COLUMNS = {'DSC': 'slice_fg/dsc', 'training': 'train/box/miou', 'first stage': 'localizer/params'}
ARGUMENTS = ['--table', '4', '--data', 'phantom', '--scale', 'small']
# The command with a table of one small row: tests/ has no other way into another process.
PROGRAM = """
import sys
sys.path[:0] = {path!r}
from test_experiments.test_reproduction.test_reproduce import install
from lsnet_mm.experiments.reproduction.command import main
install()
sys.exit(main(sys.argv[1:]))
"""


def install(replace=setattr):
    """Put the small row in place of the tables; its config lies in the current folder."""
    row = Row('L-SNet', System.of('tiny'))
    tables = {'small': {4: Table(4, 'Small', (row,), COLUMNS, train_split=True)}, 'paper': {}}
    replace(command, 'TABLES', tables)
    replace(composing, 'find_config', lambda name: Path(f'{name}.py').resolve())


def run(capfd, *more):
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

    install(monkeypatch.setattr)
    code, output = run(capfd)
    assert code == 1
    assert 'of 3 epochs. Continue it with --resume, or move it away' in output

    code, output = run(capfd, '--resume')
    assert code == 0, output
    assert 'tiny seed0: training' in output and '1 done' in output
    result, rows = read_run('results/phantom/tiny/seed0')
    assert (result['config'], result['train']['epochs']) == ('tiny', 3)
    assert 0 < result['localizer']['gflops'] < result['gflops']
    split, _ = read_run('results/phantom/tiny/seed0/train_split')
    assert (result['data']['split'], split['data']['split']) == ('val', 'train')
    asked = (split['data'][key] for key in ('name', 'fold', 'split'))
    assert split['config_sha256'] == composing.composed_sha256(System.of('tiny'), *asked)
    table = Path('results/phantom/tables/table4_small.md').read_text()
    assert '| L-SNet | ' in table and 'not run' not in table

    code, output = run(capfd)
    assert (code, 'its result is there: skipped' in output) == (0, True)


def refusal(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        command.main(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    'more, message',
    [
        (['--rows', 'horse'], '--rows: horse not in these tables: lsnet_small_unet_slices_gamma0'),
        (['--table', '6'], "invalid choice: '6'"),
    ],
)
def test_what_cannot_be_asked_for(capsys, more, message):
    assert message in refusal(capsys, *ARGUMENTS, *more)


def test_data_are_asked_for_first(here, capsys):
    assert command.main(ARGUMENTS) == 1
    assert 'data/phantom does not exist. Put the data there' in capsys.readouterr().err


def test_jobs_are_one_at_least(here, capsys):
    Path('data/phantom').mkdir(parents=True)
    assert command.main([*ARGUMENTS, '--jobs', '0']) == 1
    assert '--jobs must be at least 1, got 0' in capsys.readouterr().err
