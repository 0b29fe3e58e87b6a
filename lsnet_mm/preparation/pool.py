import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed


class Pool:
    """Worker processes, or none: with one worker everything runs where it is called.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int):
        if workers < 1:
            raise ValueError(f'Pool: workers must be at least 1, got {workers}.')
        self._executor = None
        if workers > 1:
            # Started afresh: a fork would copy the threads that draw the progress bar.
            context = multiprocessing.get_context('spawn')
            self._executor = ProcessPoolExecutor(workers, context, _die_with_parent)

    def __enter__(self) -> 'Pool':
        return self

    def __exit__(self, kind, *_) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=kind is not None)

    def map(self, function: Callable, items: Iterable) -> Iterator:
        """Results in the order of the items."""
        if self._executor is None:
            return map(function, items)
        return self._executor.map(function, items, chunksize=64)

    def unordered(self, function: Callable, calls: Iterable[tuple]) -> Iterator[tuple]:
        """Call a function with each tuple of arguments.

        Yields:
            tuple: The arguments, and the result or the exception, as they are done.
        """
        if self._executor is None:
            for arguments in calls:
                yield arguments, function(*arguments)
            return
        futures = {self._executor.submit(function, *arguments): arguments for arguments in calls}
        for future in as_completed(futures):
            yield futures[future], future.exception() or future.result()


def _die_with_parent() -> None:
    """A worker whose parent was killed would go on writing beside the next run."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
