"""Clocks, turns, and what is made of their seconds."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import product
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.progress import track

REST = 'the rest'


class Stopwatch:
    """Shares the time of a run among named spans, each without the spans inside it.

    It runs from the moment it is made.

    Args:
        now: A clock.

    Attributes:
        items: By span, how many things :meth:`timed` methods were given.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.items: Counter = Counter()
        self._seconds: Counter = Counter()
        self._names = [REST]
        self._last = now()

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """What is in it is charged to a name; one that comes again adds to its span."""
        self._charge()
        self._names.append(name)
        try:
            yield
        finally:
            self._charge()
            self._names.pop()

    def timed(self, owner: object, method: str, name: str) -> AbstractContextManager:
        """While it is entered, each call of an object's method is a span."""
        inner = getattr(owner, method)

        def call(*args, **kwargs):
            if args and hasattr(args[0], '__len__'):
                self.items[name] += len(args[0])
            with self.span(name):
                return inner(*args, **kwargs)

        return patch.object(owner, method, call)

    def read(self) -> dict[str, float]:
        """Seconds by span up to now, in the order of their ends; they add up to the whole run."""
        self._charge()
        return dict(self._seconds)

    def _charge(self) -> None:
        time = self.now()
        self._seconds[self._names[-1]] += time - self._last
        self._last = time


Run = Callable[[Stopwatch], object]


def with_bar(items: Sequence, title: str) -> Iterator:
    """The items, with a progress bar on standard error while there are any left."""
    return track(items, title, transient=True, console=Console(stderr=True))


def take_turns(
    runs: Mapping[Hashable, Run],
    repeats: int,
    now: Callable[[], float],
    title: str = 'turns',
) -> dict[Hashable, list[dict[str, float]]]:
    """Times runs one after the other, again and again: what slows the machine slows them all.

    ``torch.utils.benchmark.Timer`` would run each of them three times a turn, its warm-up anew.

    Args:
        runs: By key; each is given the stopwatch that it may divide its time by.
        repeats: Rounds that count; one before them does not.
        now: A clock.
        title: Of the progress bar.

    Returns:
        dict: By key, the seconds of each round: of its spans, and of :data:`REST`.
    """
    seconds: dict[Hashable, list[dict[str, float]]] = {key: [] for key in runs}
    turns = [*product(range(1 + repeats), runs.items())]
    for _, (key, run) in with_bar(turns, title):
        watch = Stopwatch(now)
        run(watch)
        seconds[key].append(watch.read())
    return {key: turns[1:] for key, turns in seconds.items()}


def spread(values: Sequence[float]) -> dict[str, float]:
    """``median``, and the quartiles ``low`` and ``high``."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return dict(median=float(middle), low=float(low), high=float(high))
