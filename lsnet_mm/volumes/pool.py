import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool


class Pool:
    """Worker processes, or none: with one worker everything runs where it is called.

    A worker that is killed, as by a system that runs out of memory, takes its executor with it, and
    Python does not say whose call it was. The few calls that were under way are then made again,
    one at a time, and what kills its process once more is told from the others.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int):
        if workers < 1:
            raise ValueError(f'Pool: workers must be at least 1, got {workers}.')
        self.workers = workers
        self._executor = _start(workers) if workers > 1 else None

    def __enter__(self) -> 'Pool':
        return self

    def __exit__(self, kind, *_) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=kind is not None)

    def map(self, function: Callable, items: Iterable) -> Iterator:
        """Results in the order of the items; when a worker is killed, the rest is done here."""
        if self._executor is None:
            yield from map(function, items)
            return
        items, done = list(items), 0
        try:
            for result in self._executor.map(function, items, chunksize=64):
                yield result
                done += 1
        except BrokenProcessPool:
            self._restart()
            yield from map(function, items[done:])

    def unordered(self, function: Callable, calls: Iterable[tuple]) -> Iterator[tuple]:
        """Call a function with each tuple of arguments.

        Yields:
            tuple: The arguments, and the result or the exception, as they are done:
            ``BrokenProcessPool`` where the call's process was killed.
        """
        if self._executor is None:
            for arguments in calls:
                yield arguments, function(*arguments)
            return
        calls, running = deque(calls), {}
        while calls or running:
            # No more than there are workers: what is under way when one is killed is suspect.
            while calls and len(running) < self.workers:
                arguments = calls.popleft()
                running[self._submit(function, arguments)] = arguments
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            if any(map(_was_killed, done)):
                done, _ = wait(running)
                self._restart()
            for future in done:
                arguments = running.pop(future)
                if _was_killed(future):
                    future = _call_alone(function, arguments)
                yield arguments, future.exception() or future.result()

    def _submit(self, function: Callable, arguments: tuple) -> Future:
        try:
            return self._executor.submit(function, *arguments)
        except BrokenProcessPool:  # a worker was killed that had nothing to do
            self._restart()
            return self._executor.submit(function, *arguments)

    def _restart(self) -> None:
        self._executor.shutdown()
        self._executor = _start(self.workers)


def _start(workers: int) -> ProcessPoolExecutor:
    # Started afresh: a fork would copy the threads that draw the progress bar.
    context = multiprocessing.get_context('spawn')
    return ProcessPoolExecutor(workers, context, _die_with_parent)


def _was_killed(future: Future) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _call_alone(function: Callable, arguments: tuple) -> Future:
    with _start(1) as executor:
        return executor.submit(function, *arguments)


def _die_with_parent() -> None:
    """A worker whose parent was killed would go on writing beside the next run."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
