"""Many studies, one after the other or several at a time, and what is said about them."""

import sys
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from ..volumes import Pool
from .find import Findings
from .job import Job
from .segment import segment_study
from .study import Study

COLUMNS = (
    TextColumn('{task.description}'),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
)


def segment_all(studies: list[Study], job: Job, pool: Pool | None) -> list[dict]:
    """Segment studies with a progress bar: by slices here, by studies in a pool."""
    results = []
    with Progress(*COLUMNS, console=Console(stderr=True)) as bar:
        whole = bar.add_task('studies', total=len(studies))
        if pool is None:
            for study in studies:
                own = bar.add_task(f'{study.name}, slices', total=None)
                results.append(segment_study(study, job, _Advance(bar, own)))
                bar.remove_task(own)
                bar.advance(whole)
            return results
        for (study, _), result in pool.unordered(segment_study, [(s, job) for s in studies]):
            if isinstance(result, BaseException):  # the process died, and could not say why
                error = 'its process died. Use fewer --workers: memory may be short.'
                result = {'name': study.name, 'place': study.place, 'error': error}
            results.append(result)
            bar.advance(whole)
    return sorted(results, key=lambda result: result['name'])


def report(results: list[dict], found: Findings, out: Path) -> int:
    """Say what was done, and what was not and why; the exit code."""
    for note in found.notes:
        print(f'note: {note}')
    for result in results:
        about = f'{result["name"]} ({result["place"]})'
        if 'record' in result:
            volumes = result['record']['classes'].items()
            print(about, *(f'{name} {one["volume_ml"]:.1f} ml' for name, one in volumes), sep=': ')
        elif 'skipped' in result:
            print(f'{about}: skipped, its outputs are there and of this model')
        else:
            print(f'{about}: {result["error"]}', file=sys.stderr)
    for message in found.refused:
        print(message, file=sys.stderr)
    failed = sum('error' in result for result in results)
    done = len(results) - failed
    print(f'{done} of {len(results)} studies are segmented in {out}. Not a medical device.')
    return 1 if failed or found.refused else 0


class _Advance:
    """Shows the slices of one study that are done."""

    def __init__(self, bar: Progress, task: TaskID):
        self.bar, self.task = bar, task

    def __call__(self, done: int, total: int) -> None:
        self.bar.update(self.task, completed=done, total=total)
