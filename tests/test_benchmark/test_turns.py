"""The order of the runs, and what is made of their times."""

import time

import pytest

from lsnet_mm.benchmark import Switches
from lsnet_mm.benchmark.spread import ratios, spread
from lsnet_mm.benchmark.stopwatch import REST, Stopwatch
from lsnet_mm.benchmark.turns import take_turns


class Clock:
    """Stands still but for what is told."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time

    def wait(self, seconds):
        self.time += seconds


def test_runs_take_turns_and_the_first_round_does_not_count():
    clock, order, costs = Clock(), [], dict(a=iter((50, 1, 2, 9)), b=iter((70, 3, 3, 3)))

    def run(name):
        def body(lap):
            order.append(name)
            clock.wait(next(costs[name]))
            lap('first')
            clock.wait(1)
            lap('second')
            clock.wait(1)
            lap('first')

        return body

    ticks = []
    found = take_turns(
        dict(a=run('a'), b=run('b')), 3, clock, on_turn=lambda: ticks.append(clock.time)
    )
    assert order == ['a', 'b'] * 4 and len(ticks) == 8
    assert found['a'] == [dict(total=c + 2, first=c + 1, second=1) for c in (1, 2, 9)]
    assert [turn['total'] for turn in found['b']] == [5, 5, 5]


def test_medians_quartiles_and_ratios_within_rounds():
    assert spread([9, 1, 2, 4, 3]) == dict(median=3, low=2, high=4)
    # A machine that is ten times as slow in one round: the ratio stays.
    assert ratios([2, 20, 2], [1, 10, 1]) == dict(median=2, low=2, high=2)
    with pytest.raises(ValueError, match='shorter'):
        ratios([1, 2], [1])


def test_a_span_is_charged_without_the_spans_in_it():
    clock = Clock()

    class Net:
        def outer(self, images):
            clock.wait(2)
            self.inner(images[:1])
            clock.wait(1)

        def inner(self, images):
            clock.wait(4)

    net = Net()
    watch = Stopwatch(clock)
    watch.watch(net, 'outer', 'outer')
    watch.watch(net, 'inner', 'inner')
    with watch.running():
        clock.wait(1)
        net.outer([1, 2, 3])
    assert watch.seconds == {REST: 1, 'outer': 3, 'inner': 4}
    assert watch.shares()['inner'] == 0.5
    assert watch.items == dict(outer=3, inner=1) and watch.calls == dict(outer=1, inner=1)
    assert not vars(net)  # as it was


def test_cpu_time_stands_still_while_others_run():
    clocks = [Switches(), Switches(cpu_time=True)]
    before = [clock.now() for clock in clocks]
    time.sleep(0.2)
    wall, own = (clock.now() - start for clock, start in zip(clocks, before, strict=True))
    assert wall >= 0.2 > 2 * own
