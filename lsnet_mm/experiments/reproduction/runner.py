"""Runs as processes, as many at once as there are devices, and how they stand meanwhile."""

import math
import os
import signal
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ...evaluation.results import TRAIN_SPLIT
from ...utils.files import write_atomic
from .run import DONE, FAILED, HASH_FILE, ROOT, TRAIN, WAITING, Run

INTERVAL = 0.5  # seconds between two looks at what is running
PATIENCE = 3.0  # seconds that a folder may stay locked: a stopped training's workers linger
GRACE = 10.0  # seconds that a process has to end before it is killed
# Python and mmengine keep state of their own while a config is read or written.
_CONFIGS = threading.Lock()


def carry_out(
    runs: Sequence[Run],
    devices: Sequence[Mapping[str, str]],
    resume: bool = False,
    on_tick: Callable[[], None] = lambda: None,
) -> None:
    """Do what waits, in its order; one that fails leaves the others alone.

    Runs that test another's weights come after it. On any exception, all processes are stopped.

    Args:
        runs: Inspected ones.
        devices: The environment of the processes on each; as many runs are under way at once.
        resume: Go on with trainings that were stopped.
        on_tick: Called again and again, to show how things stand.
    """
    stop, free = threading.Event(), deque(devices)
    jobs: dict[Path, list[Run]] = {}  # each training with all that test its weights
    for run in sorted(runs, key=lambda run: run.source is not run):
        if run.state == WAITING:
            jobs.setdefault(run.source.work_dir, []).append(run)

    def work(job: Sequence[Run]) -> None:
        if stop.is_set():
            return
        device = free.popleft()  # there are as many as threads
        try:
            for run in job:
                if not stop.is_set():
                    _take_steps(run, device, resume, stop)
        except BaseException:
            stop.set()  # at once: the next job is about to get this thread
            raise
        free.append(device)

    with ThreadPoolExecutor(len(devices)) as pool:
        try:
            left = {pool.submit(work, job) for job in jobs.values()}
            while left:
                on_tick()
                done, left = wait(left, INTERVAL)
                for future in done:
                    future.result()
            on_tick()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _take_steps(run: Run, device: Mapping[str, str], resume: bool, stop: threading.Event) -> None:
    """Training, test, perhaps another test: what is left by now, each a process.

    A lock on the work folder keeps other commands out; the processes inherit it, so that it still
    holds where one of them has outlived a killed parent.
    """
    step, lent = None, []
    try:
        run.work_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(run.work_dir / '.lock', timeout=PATIENCE, on_acquired=lent.append):
            while not stop.is_set():
                with _CONFIGS:
                    steps = run.remaining(resume or step is not None)
                    if not steps:
                        run.state = DONE
                        return
                    if steps[0] == step:
                        raise ChildProcessError(f'{step} ended without an error and a result')
                    run.state = step = steps[0]
                    command = _command(run, step)
                _execute(run, command, stop, env=device, pass_fds=lent)
    except (OSError, ValueError) as error:
        in_use = f'{run.work_dir} is in use by another process. Wait for it, or stop it.'
        run.message = in_use if isinstance(error, Timeout) else str(error)
        run.state = FAILED  # last: it is what is looked for


def _command(run: Run, step: str) -> list[str]:
    """The command of a step, whose config is written into the work folder.

    A training goes on from its last checkpoint, if there is one.
    """
    config, folder = run.compose(step), run.work_dir
    checkpoint, epoch = run.source.checkpoint()
    if step == TRAIN:
        tool, weights = 'train', []
        if checkpoint is not None:  # the hook finds the newest that loads
            config.load_from, config.resume = None, True
        write_atomic(folder / HASH_FILE, f'{run.sha256(training=True)}\n'.encode())
    elif epoch < config.train_cfg.max_epochs:
        raise ValueError(
            f'{run.source.work_dir} holds no finished training, whose weights are tested here. If '
            f'the result of {run.source} is there already, move it away to train again.'
        )
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


def _execute(run: Run, command: Sequence[str], stop: threading.Event, **process) -> None:
    """Until the process of a step has ended, or all is to stop."""
    path = run.work_dir / f'{run.state}.log'
    with path.open('ab') as log:
        streams = {'stdin': subprocess.DEVNULL, 'stdout': log, 'stderr': subprocess.STDOUT}
        child = subprocess.Popen(command, start_new_session=True, **streams, **process)
    try:
        running = True
        while running:
            running = child.poll() is None and not stop.wait(INTERVAL)
            run.read_progress()
    finally:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            if child.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    os.killpg(child.pid, kind)  # with what it has started
                    child.wait(GRACE)
    if child.returncode and not stop.is_set():
        said = path.read_text(errors='replace').strip().splitlines() or [f'code {child.returncode}']
        raise ChildProcessError(f'{said[-1]} ({path})')


@contextmanager
def overview(runs: Sequence[Run], console: Console | None = None) -> Iterator[Callable[[], None]]:
    """Gives what shows the news: epochs and the time left at the pace so far.

    On a terminal it redraws a table, all runs together first and then those under way or failed;
    elsewhere it writes a line at each new state and validation.
    """
    console = console or Console()
    columns = (TextColumn('{task.description}', markup=False), MofNCompleteColumn())
    settings = {'auto_refresh': False, 'disable': not console.is_terminal}
    settings['speed_estimate_period'] = math.inf  # an epoch may take hours
    told = {run: (WAITING, run.dsc) for run in runs}
    with Progress(*columns, TimeRemainingColumn(), console=console, **settings) as table:
        whole = table.add_task('', **_epochs(runs))
        tasks = {run: table.add_task('', **_epochs([run])) for run in runs}

        def show() -> None:
            table.update(whole, description=summary(runs), **_epochs(runs))
            left = table.tasks[whole].time_remaining
            for run, task in tasks.items():
                dsc = '' if run.dsc is None else f', DSC {run.dsc:.1f}'
                message = f' ({run.message})' if run.message else ''
                line, shown = f'{run}: {run.state}{message}{dsc}', run.state not in (WAITING, DONE)
                table.update(task, description=line, visible=shown, **_epochs([run]))
                if table.disable and told[run] != (run.state, run.dsc):
                    told[run] = run.state, run.dsc
                    if left:
                        line += f'; {timedelta(seconds=left)} left in all'
                    console.print(line, soft_wrap=True, highlight=False, markup=False)
            table.refresh()

        yield show


def summary(runs: Sequence[Run]) -> str:
    """How many runs are in each state."""
    count = Counter(run.state for run in runs)
    return ', '.join(f'{number} {state}' for state, number in sorted(count.items()))


def _epochs(runs: Sequence[Run]) -> dict[str, int]:
    """Of trainings that have not failed, for rich."""
    trained = [run for run in runs if run.epochs and run.state != FAILED]
    total, completed = (sum(getattr(run, key) for run in trained) for key in ('epochs', 'epoch'))
    return {'total': total, 'completed': completed}
