"""How long the rest will take, at the pace of what is known."""

from collections.abc import Sequence
from statistics import mean

from .job import RUNNING, WAITING, Job


def seconds_left(job: Job, jobs: Sequence[Job]) -> float | None:
    """Seconds of training that a job has before it; tests are not counted.

    At its own pace, or that of its system's other runs, or the mean of all; None as long as there
    is none.
    """
    if job.state not in (WAITING, *RUNNING):
        return 0.0
    own = [job.pace] if job.pace else []
    alike = [j.pace for j in jobs if j.pace and j.run.system == job.run.system]
    paces = own or alike or [j.pace for j in jobs if j.pace]
    left = max(job.epochs - job.progress.epoch, 0)
    return left * mean(paces) if paces else None


def total_seconds(jobs: Sequence[Job], slots: int) -> float | None:
    """Seconds until all are done, with so many at once; None as long as it is not known."""
    each = [seconds_left(job, jobs) for job in jobs]
    if None in each:
        return None
    return max(sum(each) / slots, *each) if each else 0.0


def duration(seconds: float | None) -> str:
    """``3 h 20 min``, ``5 min``, or ``?``."""
    if seconds is None:
        return '?'
    hours, minutes = divmod(round(seconds / 60), 60)
    return f'{hours} h {minutes:02d} min' if hours else f'{minutes} min'
