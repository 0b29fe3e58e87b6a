"""Kills trainings at every step of a save, within a write and in between, and resumes each.

    python tests/drills/kills_in_saves.py

Prints the counts as JSON. Every training has to end at the weights of an undisturbed one, bit for
bit, and wherever the kill came, ``last_checkpoint`` has to name a whole file.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]

from tiny_training import assert_same_weights, train  # noqa: E402

EPOCHS = 3
#: Of the second epoch: the last file, the best and the last once more are written and renamed, the
#: pointer moves, and their forerunners are removed.
STEPS = 12
RANDOM = 4
WRITES = 4
BALLAST = 24  # MiB; long enough to write that a kill comes in between


def steps_on_disk(folder, on_step):
    """Call a function before each step of this process that changes a checkpoint or the pointer."""

    def audit(event, args):
        writes = event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wxa')
        if event in ('os.rename', 'os.remove') or writes:
            path = Path(os.fsdecode(args[0]))
            if path.parent == folder and ('.pth' in path.name or 'last_checkpoint' in path.name):
                on_step()

    sys.addaudithook(audit)


def start(folder, kill_at=None, ballast=0):
    """A training in a process of its own, killed before one of its steps on disk."""
    folder.mkdir(exist_ok=True)
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        steps = (folder / 'steps').open('ab', buffering=0)
        countdown = iter(range(kill_at or 0, 0, -1))

        def on_step():
            if next(countdown, 0) == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            steps.write(b'.')

        steps_on_disk(folder, on_step)
        train(folder, epochs=EPOCHS, ballast=ballast, save_best='val/score')
        code = 0
    finally:
        os._exit(code)


def kill_when(pid, condition):
    """Kill a process as soon as something is so; whether it came to that."""
    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        if condition():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True
    return False


def finish(pid):
    assert os.waitpid(pid, 0)[1] == 0, 'a training has failed'


def check(folder, whole, ballast=0):
    """Look at what a kill has left, then resume it."""
    pointer = folder / 'last_checkpoint'
    if pointer.exists():
        torch.load(pointer.read_text(), weights_only=False)
    finish(start(folder, ballast=ballast))
    last = f'epoch_{EPOCHS}.pth'
    assert_same_weights(whole / last, folder / last)
    assert [path.name for path in folder.glob('epoch_*')] == [last]
    assert not list(folder.glob('.*.partial'))


def main(folder):
    whole, heavy = folder / 'whole', folder / 'heavy'
    began = time.monotonic()
    finish(start(whole))
    took = time.monotonic() - began
    steps = len((whole / 'steps').read_bytes())
    first = steps // EPOCHS + 1  # none is removed in the first epoch
    counts = {'before a step of a save': 0, 'within a write': 0, 'at random': 0}
    for step in range(first, first + STEPS):
        killed = folder / f'step{step}'
        assert os.waitpid(start(killed, kill_at=step), 0)[1] == signal.SIGKILL
        check(killed, whole)
        counts['before a step of a save'] += 1
    finish(start(heavy, ballast=BALLAST))
    size = (heavy / f'epoch_{EPOCHS}.pth').stat().st_size
    for number in range(WRITES):
        killed = folder / f'write{number}'

        def half(killed=killed, epoch=1 + number % EPOCHS):
            partial = list(killed.glob(f'.epoch_{epoch}.pth*partial'))
            return partial and partial[0].stat().st_size > 0

        if kill_when(start(killed, ballast=BALLAST), half):
            left = [path.stat().st_size for path in killed.glob('.epoch*.partial')]
            counts['within a write'] += any(0 < part < size for part in left)
        check(killed, heavy, BALLAST)
    generator = random.Random(0)
    for number in range(RANDOM):
        killed, moment = folder / f'random{number}', time.monotonic() + generator.random() * took
        pid = start(killed)
        counts['at random'] += kill_when(pid, lambda moment=moment: time.monotonic() > moment)
        check(killed, whole)
    print(json.dumps(counts | {'resumed to the same weights': sum(counts.values())}))


if __name__ == '__main__':
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
