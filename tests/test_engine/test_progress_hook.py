"""A bar of the training in a terminal, and the lines as ever elsewhere."""

import os
import pty
import subprocess
import sys

import pytest
from helpers import ROOT

TRAINING = """
import sys
sys.path[:0] = {path!r}
from tiny_training import train
from lsnet_mm.engine.hooks import ProgressHook
train({folder!r}, ProgressHook(), epochs=3, log_level='INFO')
"""


@pytest.fixture
def program(tmp_path):
    path = [str(ROOT), str(ROOT / 'tests')]
    return TRAINING.format(path=path, folder=str(tmp_path / 'run'))


def logged(tmp_path):
    [log] = (tmp_path / 'run').glob('*/*.log')
    return log.read_text()


def test_in_a_terminal(program, tmp_path):
    """Three epochs of two batches, to the end; what it takes the place of is in the log file."""
    master, slave = pty.openpty()
    command = [sys.executable, '-W', 'ignore', '-c', program]
    child = subprocess.Popen(command, stdout=slave, stderr=slave, stdin=slave, close_fds=True)
    os.close(slave)
    shown = b''
    while True:
        try:
            shown += (part := os.read(master, 4096))
        except OSError:  # the other end is closed
            break
        if not part:
            break
    os.close(master)
    assert child.wait() == 0, shown.decode()
    assert b'6/6' in shown and b'training' in shown
    line = 'Saving checkpoint at 3 epochs'  # of few steps no other is logged
    assert line.encode() not in shown and line in logged(tmp_path)


def test_in_a_pipe(program, tmp_path):
    command = [sys.executable, '-W', 'ignore', '-c', program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = done.stdout + done.stderr
    assert 'Saving checkpoint at 3 epochs' in shown and '6/6' not in shown
