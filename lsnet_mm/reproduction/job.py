import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping

from .planning import TRAIN, remaining, remaining_tests
from .progress import read_progress
from .run import Run
from .steps import prepare_test, prepare_train

WAITING, TRAINING, TESTING = 'waiting', 'training', 'testing'
DONE, REFUSED, FAILED, STOPPED = 'done', 'refused', 'failed', 'stopped'
RUNNING = (TRAINING, TESTING)
PATIENCE = 3.0  # seconds that a folder may stay locked
GRACE = 10.0  # seconds that a process has to end before it is killed


class Job:
    """The processes of one run, one after the other: training, test, perhaps another test.

    A lock on the work folder keeps others out. The children inherit it, so that it still holds
    where one of them has outlived a killed parent.

    Args:
        run: What to do.
        resume: Go on with a training that was stopped.

    Attributes:
        state: One of the constants above.
        message: Why it was skipped, refused or failed.
        epochs: Of the whole training; 0 for a run that tests another's weights.
        progress: Of the training.
        pace: Seconds an epoch, of this training or of a done one; None where not known.
    """

    def __init__(self, run: Run, resume: bool = False) -> None:
        self.run = run
        self.resume = resume
        self.state, self.message = WAITING, ''
        self.epochs = 0
        self.progress = read_progress(run.work_dir)
        self.pace: float | None = None
        self._process: subprocess.Popen | None = None
        self._lock = None
        try:
            self._inspect()
        except (FileNotFoundError, ValueError) as error:
            self._end(REFUSED, str(error))

    def _inspect(self) -> None:
        if not remaining_tests(self.run):
            self._end(DONE, 'its result is there: skipped')
            train = json.loads((self.run.folder / 'result.json').read_text())['train']
            self.pace = 60 * train['minutes'] / train['epochs'] if train['epochs'] else None
        elif self.run.system.weights is None:  # others' weights may be there when the turn comes
            remaining(self.run, self.resume)
            self.epochs = self.run.compose().train_cfg.max_epochs

    def start(self, environment: Mapping[str, str]) -> None:
        """Begin with what is left to do by now.

        Args:
            environment: Of the processes.
        """
        self._environment = environment
        self.run.work_dir.mkdir(parents=True, exist_ok=True)
        self._lock = (self.run.work_dir / '.lock').open('w')
        if self._take_lock():
            self._next()
        else:
            reason = f'{self.run.work_dir} is in use by another process. Wait for it, or stop it.'
            self._end(REFUSED, reason)

    def _take_lock(self) -> bool:
        """Whether the folder is free; the workers of a stopped training take a moment to end."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.1)

    def poll(self) -> None:
        """See how far the process is; when it has ended, start the next one."""
        if self.state == TRAINING:
            self._read_progress()
        code = self._process.poll()
        if code is None:
            return
        if code:
            lines = [x for x in self._log.read_text(errors='replace').splitlines() if x.strip()]
            self._end(FAILED, f'{lines[-1] if lines else f"exit code {code}"} ({self._log})')
        else:
            self._next(self._step)

    def stop(self) -> None:
        """End the process and what it has started."""
        if self.state not in RUNNING:
            return
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, kind)
                self._process.wait(GRACE)
                break
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                break
        self._end(STOPPED)

    def _next(self, last: str | None = None) -> None:
        try:
            steps = remaining(self.run, self.resume or last is not None)
        except (FileNotFoundError, ValueError) as error:
            return self._end(REFUSED, str(error))
        if not steps:
            return self._end(DONE)
        if steps[0] == last:
            return self._end(FAILED, f'{last} ended without an error and without a result')
        self._step = steps[0]
        self._log = self.run.work_dir / f'{self._step}.log'
        if self._step == TRAIN:
            self.state, self._since = TRAINING, (time.monotonic(), self.run.checkpoint()[1])
            command = prepare_train(self.run)
        else:
            self.state = TESTING
            command = prepare_test(self.run, self._step)
        with self._log.open('ab') as log:
            self._process = subprocess.Popen(
                command,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(self._lock.fileno(),),
            )

    def _read_progress(self) -> None:
        self.progress = read_progress(self.run.work_dir)
        start, epoch = self._since
        if self.progress.epoch > epoch:
            self.pace = (time.monotonic() - start) / (self.progress.epoch - epoch)

    def _end(self, state: str, message: str = '') -> None:
        self.state, self.message = state, message
        if self._lock is not None:
            self._lock.close()
