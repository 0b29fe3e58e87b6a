from collections.abc import Callable, Hashable, Mapping

Seconds = dict[str, float]


class Laps:
    """Seconds between the ends of named spans; a name that comes again adds to its span.

    Args:
        now: A clock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.seconds: Seconds = {}
        self.start = self.last = now()

    def __call__(self, name: str) -> None:
        """Ends a span, which began where the last one ended."""
        time = self.now()
        self.seconds[name] = self.seconds.get(name, 0.0) + time - self.last
        self.last = time


def take_turns(
    runs: Mapping[Hashable, Callable[[Laps], object]],
    repeats: int,
    now: Callable[[], float],
    warmup: int = 1,
    on_turn: Callable[[], None] = lambda: None,
) -> dict[Hashable, list[Seconds]]:
    """Times runs one after the other, again and again: what slows the machine slows them all.

    Args:
        runs: By key; each is given the laps that it may divide its time by.
        repeats: Rounds that count.
        now: A clock.
        warmup: Rounds before, that do not.
        on_turn: Called after every run.

    Returns:
        dict: By key, the seconds of each round: ``total`` and the laps.
    """
    seconds: dict[Hashable, list[Seconds]] = {key: [] for key in runs}
    for number in range(-warmup, repeats):
        for key, run in runs.items():
            laps = Laps(now)
            run(laps)
            total = now() - laps.start
            if number >= 0:
                seconds[key].append(dict(total=total, **laps.seconds))
            on_turn()
    return seconds
