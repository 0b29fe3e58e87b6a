from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REST = 'the rest'


class Stopwatch:
    """How a run's time is shared by the methods in it, each without what it calls of the others.

    Args:
        now: A clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.seconds: Counter = Counter()
        self.calls: Counter = Counter()
        self.items: Counter = Counter()
        self._names = [REST]
        self._last = 0.0
        self._undo: list[Callable[[], None]] = []

    def watch(self, owner: object, method: str, name: str) -> None:
        """From here on, times a method of an object, as a part of what goes by a name."""
        inner = getattr(owner, method)

        def timed(*args, **kwargs):
            self.calls[name] += 1
            if args and hasattr(args[0], '__len__'):
                self.items[name] += len(args[0])
            self._enter(name)
            try:
                return inner(*args, **kwargs)
            finally:
                self._leave()

        own = method in vars(owner)
        setattr(owner, method, timed)
        self._undo.append(lambda: setattr(owner, method, inner) if own else delattr(owner, method))

    @contextmanager
    def running(self) -> Iterator[None]:
        """The run; after it the methods are as they were."""
        self._last = self.now()
        try:
            yield
        finally:
            self._charge()
            for undo in reversed(self._undo):
                undo()
            self._undo.clear()

    def shares(self) -> dict[str, float]:
        """Parts of the time, which add up to 1."""
        total = sum(self.seconds.values())
        return {name: seconds / total for name, seconds in self.seconds.items()}

    def _enter(self, name: str) -> None:
        self._charge()
        self._names.append(name)

    def _leave(self) -> None:
        self._charge()
        self._names.pop()

    def _charge(self) -> None:
        time = self.now()
        self.seconds[self._names[-1]] += time - self._last
        self._last = time
