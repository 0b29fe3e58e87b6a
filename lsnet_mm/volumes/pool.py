import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from queue import SimpleQueue


class Pool:
    """Worker processes, or none: with one worker everything runs where it is called.

    Each worker is an executor of its own. A worker that is killed, as by a system that runs out of
    memory, takes its executor with it, and of several workers Python does not say whose call it
    was. A call whose process was killed is made once more, when all others are done and no other
    process is left: alone it may have the memory.

    Args:
        workers: Number of processes.
    """

    def __init__(self, workers: int):
        if workers < 1:
            raise ValueError(f'Pool: workers must be at least 1, got {workers}.')
        self.workers = workers
        self._callers = ThreadPoolExecutor(workers)
        self._idle: SimpleQueue[ProcessPoolExecutor | None] = SimpleQueue()
        for _ in range(workers):
            self._idle.put(None)  # not started yet

    def __enter__(self) -> 'Pool':
        return self

    def __exit__(self, kind, *_) -> None:
        self._callers.shutdown(cancel_futures=kind is not None)
        self._dismiss()

    def unordered(self, function: Callable, calls: Iterable[tuple]) -> Iterator[tuple]:
        """Call a function with each tuple of arguments.

        Yields:
            tuple: The arguments, and the result or the exception, as they are done:
            ``BrokenProcessPool`` where the call's process was killed twice.
        """
        if self.workers == 1:
            for arguments in calls:
                yield arguments, function(*arguments)
            return
        futures = {self._callers.submit(self._call, function, *call): call for call in calls}
        killed = []
        for future in as_completed(futures):
            if isinstance(future.exception(), BrokenProcessPool):
                killed.append(futures[future])
            else:
                yield futures[future], future.exception() or future.result()
        if killed:
            self._dismiss()
        for call in killed:
            with _start() as alone:
                future = alone.submit(function, *call)
                yield call, future.exception() or future.result()

    def _call(self, function: Callable, *arguments):
        executor = self._idle.get()
        try:
            executor = executor or _start()
            return executor.submit(function, *arguments).result()
        except BrokenProcessPool:
            executor = None
            raise
        finally:
            self._idle.put(executor)

    def _dismiss(self) -> None:
        for _ in range(self.workers):
            if executor := self._idle.get():
                executor.shutdown()
            self._idle.put(None)


def _start() -> ProcessPoolExecutor:
    # Started afresh: a fork would copy the threads that draw the progress bar.
    return ProcessPoolExecutor(1, multiprocessing.get_context('spawn'), _die_with_parent)


def _die_with_parent() -> None:
    """A worker whose parent was killed would go on writing beside the next run."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
