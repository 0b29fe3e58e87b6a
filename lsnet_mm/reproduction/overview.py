from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from .estimate import duration, seconds_left, total_seconds
from .job import DONE, FAILED, REFUSED, RUNNING, STOPPED, TESTING, TRAINING, WAITING, Job
from .run import Run

_ORDER = (TRAINING, TESTING, FAILED, REFUSED, STOPPED, WAITING, DONE)
_STYLE = {FAILED: 'red', REFUSED: 'red', DONE: 'green', TRAINING: 'bold', TESTING: 'bold'}


class Overview:
    """How things stand: a table that is redrawn, or lines where the output is no terminal.

    Args:
        jobs: All of them.
        slots: How many run at once.
        console: Where to draw.
    """

    def __init__(self, jobs: Sequence[Job], slots: int, console: Console | None = None) -> None:
        self.jobs = jobs
        self.slots = slots
        self.console = console or Console()
        terminal = self.console.is_terminal
        self._live = Live(console=self.console, auto_refresh=False) if terminal else None
        self._told: dict[Run, tuple] = {}

    def __enter__(self) -> 'Overview':
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_) -> None:
        if self._live:
            self._live.stop()

    def update(self) -> None:
        """Redraw the table, or tell what changed: a state, a validation."""
        if self._live:
            self._live.update(self.table(), refresh=True)
            return
        for job in self.jobs:
            news = (job.state, job.progress.dsc)
            if news != self._told.get(job.run, (WAITING, job.progress.dsc)):
                self.console.print(self.line(job), soft_wrap=True, highlight=False, markup=False)
            self._told[job.run] = news

    def table(self) -> Table:
        """A row a run, those that need looking at first."""
        # On top: rich cuts a table off at the bottom of the screen.
        table = Table(title=self.summary(), expand=True)
        for name in ('run', 'state', 'epoch', 'left', 'DSC'):
            numeric = name in ('epoch', 'left', 'DSC')
            table.add_column(name, justify='right' if numeric else 'left', no_wrap=numeric)
        for job in sorted(self.jobs, key=lambda job: _ORDER.index(job.state)):
            table.add_row(*map(escape, self._cells(job)), style=_STYLE.get(job.state))
        return table

    def line(self, job: Job) -> str:
        """One run in one line."""
        run, state, epoch, left, dsc = self._cells(job)
        parts = (state, epoch and f'epoch {epoch}', left and f'{left} left', dsc and f'DSC {dsc}')
        return f'{run}: ' + ', '.join(part for part in parts if part)

    def summary(self) -> str:
        """Counts of the states, and the time left."""
        count = Counter(job.state for job in self.jobs)
        states = ', '.join(f'{count[state]} {state}' for state in _ORDER[::-1] if count[state])
        left = total_seconds(self.jobs, self.slots)
        return f'{states}; about {duration(left)} left' if left != 0 else states

    def _cells(self, job: Job) -> tuple[str, str, str, str, str]:
        progress, left = job.progress, ''
        open_run = job.state in (WAITING, *RUNNING)
        if open_run and job.epochs:
            left = duration(seconds_left(job, self.jobs))
        known = open_run and job.epochs and (progress.epoch or job.state == TRAINING)
        epoch = f'{progress.epoch}/{job.epochs}' if known else ''
        dsc = f'{progress.dsc:.1f}' if progress.dsc is not None else ''
        state = f'{job.state} ({job.message})' if job.message else job.state
        return str(job.run), state, epoch, left, dsc
