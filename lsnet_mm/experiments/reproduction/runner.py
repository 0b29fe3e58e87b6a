"""Runs as processes, as many at once as there are devices."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from ...evaluation.results import TRAIN_SPLIT
from ...utils.files import write_atomic
from .composing import ROOT
from .run import HASH_FILE, TRAIN, Run, remaining, remaining_tests

WAITING, TRAINING, TESTING = 'waiting', 'training', 'testing'
DONE, REFUSED, FAILED, STOPPED = 'done', 'refused', 'failed', 'stopped'
OPEN = (WAITING, TRAINING, TESTING)
INTERVAL = 0.5  # seconds between two looks at what is running
PATIENCE = 3.0  # seconds that a folder may stay locked: a stopped training's workers linger
GRACE = 10.0  # seconds that a process has to end before it is killed
# Python and mmengine keep state of their own while a config is read or written.
_CONFIGS = threading.Lock()


@dataclass
class Status:
    """How a run stands.

    Attributes:
        state: One of the constants above.
        message: Why it was skipped, refused or failed.
        epochs: Of the whole training; 0 for a run that tests another's weights.
        epoch: That the training is in or has finished, from 1; 0 before the first.
        dsc: Of its last validation, in percent; None before the first.
        pace: Seconds an epoch, of this training or of a done one; None where not known.
    """

    state: str = WAITING
    message: str = ''
    epochs: int = 0
    epoch: int = 0
    dsc: float | None = None
    pace: float | None = None

    def read_progress(self, work_dir: Path) -> None:
        """Take epoch and DSC from what mmengine has logged, over all starts of a training.

        A line that is still being written is left for the next time.
        """
        for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
            for line in file.read_text().splitlines():
                try:
                    scalars = json.loads(line)
                except ValueError:
                    continue
                self.epoch = scalars.get('epoch', self.epoch)
                self.dsc = scalars.get('slice_fg/dsc', self.dsc)


class Runner:
    """Carries out runs in their order: training, test, perhaps another test, each a process.

    One that tests another's weights waits until that one has ended. One that fails or is refused
    leaves the others alone. A lock on the work folder keeps other commands out; the processes
    inherit it, so that it still holds where one of them has outlived a killed parent.

    Args:
        runs: What to do.
        devices: The environment of the processes on each, see :func:`make_devices`.
        resume: Go on with trainings that were stopped.

    Attributes:
        statuses: How each run stands.
    """

    def __init__(
        self, runs: Sequence[Run], devices: Sequence[Mapping[str, str]], resume: bool = False
    ) -> None:
        self.devices, self.resume = devices, resume
        self.statuses = {run: self._inspect(run) for run in runs}
        self._stop = threading.Event()

    def run(self, on_tick: Callable[[], None]) -> None:
        """Until all have ended; on any exception, all processes are stopped first.

        Args:
            on_tick: Called again and again, to show how things stand.
        """
        waiting = [run for run, status in self.statuses.items() if status.state == WAITING]
        free = list(self.devices)
        busy: dict[Future, tuple[Run, Mapping[str, str]]] = {}
        with ThreadPoolExecutor(len(free)) as pool:
            try:
                while True:
                    while free and (run := _ready(waiting, (run for run, _ in busy.values()))):
                        waiting.remove(run)
                        device = free.pop(0)
                        busy[pool.submit(self._carry_out, run, device)] = run, device
                    on_tick()
                    if not busy:
                        return
                    for future in wait(busy, INTERVAL, FIRST_COMPLETED).done:
                        free.append(busy.pop(future)[1])
                        future.result()
            finally:
                self._stop.set()

    def _inspect(self, run: Run) -> Status:
        status = Status()
        status.read_progress(run.work_dir)
        try:
            if not remaining_tests(run):
                status.state, status.message = DONE, 'its result is there: skipped'
                train = json.loads((run.folder / 'result.json').read_text())['train']
                status.pace = 60 * train['minutes'] / train['epochs'] if train['epochs'] else None
            elif run.system.weights is None:  # others' weights may be there when the turn comes
                remaining(run, self.resume)
                status.epochs = run.compose().train_cfg.max_epochs
        except (FileNotFoundError, ValueError) as error:
            status.state, status.message = REFUSED, str(error)
        return status

    def _carry_out(self, run: Run, environment: Mapping[str, str]) -> None:
        inherited: list[int] = []
        try:
            run.work_dir.mkdir(parents=True, exist_ok=True)
            with FileLock(run.work_dir / '.lock', timeout=PATIENCE, on_acquired=inherited.append):
                state, message = self._take_steps(run, env=environment, pass_fds=inherited)
        except Timeout:
            reason = f'{run.work_dir} is in use by another process. Wait for it, or stop it.'
            state, message = REFUSED, reason
        except (OSError, ValueError) as error:
            state, message = REFUSED, str(error)
        status = self.statuses[run]
        status.message, status.state = message, state  # the state last: it is what is looked for

    def _take_steps(self, run: Run, **process) -> tuple[str, str]:
        """Do what is left by now; gives the state and the message in the end."""
        last = None
        while not self._stop.is_set():
            with _CONFIGS:
                steps = remaining(run, self.resume or last is not None)
                if not steps:
                    return DONE, ''
                if steps[0] == last:
                    return FAILED, f'{last} ended without an error and without a result'
                last = steps[0]
                command = _command(run, last)
            if error := self._run_process(run, last, command, **process):
                return FAILED, error
        return STOPPED, ''

    def _run_process(self, run: Run, step: str, command: Sequence[str], **process) -> str:
        """Until it has ended, or all is to stop; gives its error, empty without one."""
        status, log = self.statuses[run], run.work_dir / f'{step}.log'
        status.state = TRAINING if step == TRAIN else TESTING
        start, first = time.monotonic(), run.checkpoint()[1]
        streams = {'stdin': subprocess.DEVNULL, 'stderr': subprocess.STDOUT}
        with log.open('ab') as file:
            child = subprocess.Popen(
                command, stdout=file, start_new_session=True, **streams, **process
            )
        try:
            running = True
            while running:
                running = child.poll() is None and not self._stop.wait(INTERVAL)
                if step == TRAIN:
                    status.read_progress(run.work_dir)
                    if status.epoch > first:
                        status.pace = (time.monotonic() - start) / (status.epoch - first)
        finally:
            _end(child)
        if child.returncode == 0 or self._stop.is_set():
            return ''
        lines = [line for line in log.read_text(errors='replace').splitlines() if line.strip()]
        return f'{lines[-1] if lines else f"exit code {child.returncode}"} ({log})'


def make_devices(jobs: int | None = None) -> list[dict[str, str]]:
    """The environment of processes on each device: a GPU, or a share of the cores.

    Args:
        jobs: Runs at once; by default one a GPU, or one where there is none. More runs than GPUs
            share these in turn.

    Raises:
        ValueError: If ``jobs`` is not positive.
    """
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    gpus = visible.split(',') if visible else [str(i) for i in range(torch.cuda.device_count())]
    gpus = gpus if torch.cuda.is_available() else []
    count = jobs if jobs is not None else max(len(gpus), 1)
    if count < 1:
        raise ValueError(f'--jobs must be at least 1, got {count}.')
    shared = {'OMP_NUM_THREADS': str(max((os.cpu_count() or 1) // count, 1))}
    own = [{'CUDA_VISIBLE_DEVICES': gpus[i % len(gpus)]} if gpus else {} for i in range(count)]
    return [{**shared, **os.environ, **gpu} for gpu in own]


def _ready(waiting: Sequence[Run], busy: Iterable[Run]) -> Run | None:
    """The first whose weights, if they are another's, are not still to come."""
    open_folders = {run.folder for run in (*waiting, *busy)}
    ready = (run for run in waiting if run.source.folder not in open_folders - {run.folder})
    return next(ready, None)


def _end(process: subprocess.Popen) -> None:
    """End a process, if it has not ended, and what it has started."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                os.killpg(process.pid, kind)
                process.wait(GRACE)


def _command(run: Run, step: str) -> list[str]:
    """The command of a step, whose config is written into the work folder.

    A training goes on from its last checkpoint, if there is one.
    """
    config, folder = run.compose(step), run.work_dir
    checkpoint = run.source.checkpoint()[0]
    if step == TRAIN:
        tool, weights = 'train', []
        # mmengine removes the old checkpoint before it writes the new one. With two, a process that
        # is killed just then still has one.
        config.default_hooks.checkpoint.max_keep_ckpts = 2
        if checkpoint is not None:
            config.load_from, config.resume = str(checkpoint), True
        write_atomic(folder / HASH_FILE, f'{run.training_sha256()}\n'.encode())
    else:
        tool, weights = 'test', [str(checkpoint)]
        config.default_hooks.result.out_dir = str(run.tests[step])
        folder = folder / TRAIN_SPLIT if step == TRAIN_SPLIT else folder
    config.work_dir = str(folder)
    config.randomness = {**config.get('randomness', {}), 'seed': run.seed}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{run.system.name}.py'  # results are named after the file
    config.dump(path)
    return [sys.executable, str(ROOT / 'tools' / f'{tool}.py'), str(path), *weights]
