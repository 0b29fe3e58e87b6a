import time
from collections.abc import Callable, Mapping, Sequence

from .job import RUNNING, WAITING, Job

INTERVAL = 0.5  # seconds


class Scheduler:
    """Runs jobs in their order, as many at once as there are slots.

    A job that tests another's weights waits until that one has ended.

    Args:
        jobs: What to do.
        slots: The environment of the processes in each slot.
    """

    def __init__(self, jobs: Sequence[Job], slots: Sequence[Mapping[str, str]]) -> None:
        self.jobs = jobs
        self.slots = slots

    def run(self, on_tick: Callable[[], None]) -> None:
        """Until all have ended; on any exception, all processes are stopped first.

        Args:
            on_tick: Called again and again, to show how things stand.
        """
        busy: dict[int, Job] = {}
        try:
            while True:
                busy = {slot: job for slot, job in busy.items() if job.state in RUNNING}
                for slot, environment in enumerate(self.slots):
                    while slot not in busy and (job := self._ready()) is not None:
                        job.start(environment)
                        if job.state in RUNNING:
                            busy[slot] = job
                on_tick()
                if not busy:
                    return
                time.sleep(INTERVAL)
                for job in busy.values():
                    job.poll()
        finally:
            for job in busy.values():
                job.stop()

    def _ready(self) -> Job | None:
        open_runs = {job.run.folder for job in self.jobs if job.state in (WAITING, *RUNNING)}
        for job in self.jobs:
            own = job.run.source.folder == job.run.folder
            if job.state == WAITING and (own or job.run.source.folder not in open_runs):
                return job
        return None
