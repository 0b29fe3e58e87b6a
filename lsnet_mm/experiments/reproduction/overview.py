"""How runs stand: a table that is redrawn, or lines where the output is no terminal."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import mean

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from .run import Run
from .runner import DONE, FAILED, OPEN, REFUSED, STOPPED, TESTING, TRAINING, WAITING, Status

_ORDER = (TRAINING, TESTING, FAILED, REFUSED, STOPPED, WAITING, DONE)
_STYLE = {FAILED: 'red', REFUSED: 'red', DONE: 'green', TRAINING: 'bold', TESTING: 'bold'}


@contextmanager
def overview(
    statuses: Mapping[Run, Status], devices: int, console: Console | None = None
) -> Iterator[Callable[[], None]]:
    """Gives what shows the news: redraws the table, or tells of new states and validations.

    Args:
        statuses: Of all runs.
        devices: How many run at once.
        console: Where to draw.
    """
    console = console or Console()
    if console.is_terminal:
        with Live(console=console, auto_refresh=False) as live:
            yield lambda: live.update(_table(statuses, devices), refresh=True)
        return
    told = {run: (WAITING, status.dsc) for run, status in statuses.items()}

    def tell() -> None:
        for run, status in statuses.items():
            news = status.state, status.dsc
            if news != told[run]:
                console.print(_line(run, statuses), soft_wrap=True, highlight=False, markup=False)
            told[run] = news

    yield tell


def summary(statuses: Mapping[Run, Status], devices: int) -> str:
    """Counts of the states, and the time left."""
    count = Counter(status.state for status in statuses.values())
    states = ', '.join(f'{count[state]} {state}' for state in _ORDER[::-1] if count[state])
    left = total_seconds(statuses, devices)
    return f'{states}; about {duration(left)} left' if left != 0 else states


def seconds_left(run: Run, statuses: Mapping[Run, Status]) -> float | None:
    """Seconds of training that a run has before it; tests are not counted.

    At its own pace, or that of its system's other runs, or the mean of all; None as long as there
    is none.
    """
    status = statuses[run]
    if status.state not in OPEN:
        return 0.0
    known = {other: s.pace for other, s in statuses.items() if s.pace}
    alike = [pace for other, pace in known.items() if other.system == run.system]
    paces = [status.pace] if status.pace else alike or list(known.values())
    return max(status.epochs - status.epoch, 0) * mean(paces) if paces else None


def total_seconds(statuses: Mapping[Run, Status], devices: int) -> float | None:
    """Seconds until all are done, with so many at once; None as long as it is not known."""
    each = [seconds_left(run, statuses) for run in statuses]
    return None if None in each else max(sum(each) / devices, *each, 0.0)


def duration(seconds: float | None) -> str:
    """``3 h 20 min``, ``5 min``, or ``?``."""
    if seconds is None:
        return '?'
    hours, minutes = divmod(round(seconds / 60), 60)
    return f'{hours} h {minutes:02d} min' if hours else f'{minutes} min'


def _table(statuses: Mapping[Run, Status], devices: int) -> Table:
    """A row a run, those that need looking at first."""
    # On top: rich cuts a table off at the bottom of the screen.
    table = Table('run', 'state', title=summary(statuses, devices), expand=True)
    for name in ('epoch', 'left', 'DSC'):
        table.add_column(name, justify='right', no_wrap=True)
    for run in sorted(statuses, key=lambda run: _ORDER.index(statuses[run].state)):
        cells = map(escape, _cells(run, statuses))
        table.add_row(*cells, style=_STYLE.get(statuses[run].state))
    return table


def _line(run: Run, statuses: Mapping[Run, Status]) -> str:
    name, state, epoch, left, dsc = _cells(run, statuses)
    parts = (state, epoch and f'epoch {epoch}', left and f'{left} left', dsc and f'DSC {dsc}')
    return f'{name}: ' + ', '.join(part for part in parts if part)


def _cells(run: Run, statuses: Mapping[Run, Status]) -> tuple[str, str, str, str, str]:
    status = statuses[run]
    trains = status.state in OPEN and status.epochs
    started = trains and (status.epoch or status.state == TRAINING)
    return (
        str(run),
        f'{status.state} ({status.message})' if status.message else status.state,
        f'{status.epoch}/{status.epochs}' if started else '',
        duration(seconds_left(run, statuses)) if trains else '',
        '' if status.dsc is None else f'{status.dsc:.1f}',
    )
