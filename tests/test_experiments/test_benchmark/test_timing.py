"""The order of the runs, and what is made of their times."""

import time
from types import SimpleNamespace

from lsnet_mm.experiments.benchmark.measure import measure_inference
from lsnet_mm.experiments.benchmark.system import Switches
from lsnet_mm.experiments.benchmark.timing import REST, Stopwatch, spread, take_turns


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
        def body(watch):
            order.append(name)
            for span, seconds in (('first', next(costs[name])), ('second', 1), ('first', 1)):
                with watch.span(span):
                    clock.wait(seconds)
            clock.wait(5)

        return body

    found = take_turns(dict(a=run('a'), b=run('b')), 3, clock)
    assert order == ['a', 'b'] * 4
    assert found['a'] == [{'first': c + 1, 'second': 1, REST: 5} for c in (1, 2, 9)]
    assert [sum(turn.values()) for turn in found['b']] == [10, 10, 10]


def test_medians_and_quartiles():
    assert spread([9, 1, 2, 4, 3]) == dict(median=3, low=2, high=4)


def test_ratios_are_within_rounds():
    """A machine that is ten times as slow in one round: the ratio stays."""
    clock = Clock()

    class Inference:
        scene = range(4)

        def __init__(self, name, *costs):
            self.system = SimpleNamespace(name=name, switches=SimpleNamespace(now=clock))
            self.costs = iter(costs)

        def __call__(self, watch):
            clock.wait(next(self.costs))

        def profile(self):
            return {}

    rows = measure_inference([Inference('a', 9, 1, 10, 1), Inference('b', 9, 2, 20, 2)], 3)
    assert rows['b']['speed'] == dict(median=0.5, low=0.5, high=0.5)
    assert rows['b']['volume'] == dict(median=2, low=2, high=11)
    assert rows['b']['rates'] == [2, 0.2, 2]


def test_a_span_is_charged_without_the_spans_in_it():
    clock = Clock()

    class Net:
        def outer(self, images):
            clock.wait(2)
            self.inner(images[:1])
            clock.wait(1)

        def inner(self, images):
            clock.wait(4)

    net, watch = Net(), Stopwatch(clock)
    with watch.timed(net, 'outer', 'outer'), watch.timed(net, 'inner', 'inner'):
        clock.wait(1)
        net.outer([1, 2, 3])
    assert watch.read() == {REST: 1, 'outer': 3, 'inner': 4}
    assert watch.items == dict(outer=3, inner=1)
    assert not vars(net)  # as it was


def test_cpu_time_stands_still_while_others_run():
    clocks = [Switches(), Switches(cpu_time=True)]
    before = [clock.now() for clock in clocks]
    time.sleep(0.2)
    wall, own = (clock.now() - start for clock, start in zip(clocks, before, strict=True))
    assert wall >= 0.2 > 2 * own
