"""The order of the runs, what is made of their times, and what a run asks of a machine."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from lsnet_mm.experiments.benchmark import measure
from lsnet_mm.experiments.benchmark.scene import Scene
from lsnet_mm.experiments.benchmark.system import span
from lsnet_mm.experiments.phantom import write_prepared
from lsnet_mm.volumes import Volume


@pytest.fixture
def wait(monkeypatch):
    """Moves a clock on; else it stands still."""
    now = [0.0]
    monkeypatch.setattr('lsnet_mm.experiments.benchmark.system.timer', lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def test_runs_take_turns_and_the_first_round_does_not_count(wait):
    order, costs = [], dict(a=iter((50, 1, 2, 9)), b=iter((70, 3, 3, 3)))

    def run(name):
        def body():
            order.append(name)
            for part, seconds in (('first', next(costs[name])), ('second', 1), ('first', 1)):
                with span(part):
                    wait(seconds)
            wait(5)

        return body

    turns, times = measure.take_turns(dict(a=run('a'), b=run('b')), 3, 'title')
    assert order == ['a', 'b'] * 4
    assert turns['a'] == [{'first': c + 1, 'second': 1, 'the rest': 5} for c in (1, 2, 9)]
    assert times['a'].tolist() == [8, 9, 16] and times['b'].tolist() == [10, 10, 10]


def test_a_span_is_charged_without_the_spans_in_it(wait):
    @span('inner')
    def inner():
        wait(4)

    @span('outer')
    def outer():
        wait(2)
        inner()
        wait(1)
        inner()

    turns, _ = measure.take_turns(dict(run=outer), 1, 'title')
    assert turns['run'] == [{'inner': 8, 'outer': 3, 'the rest': 0}]


def test_ratios_are_within_rounds(wait, build_system, monkeypatch):
    """A machine that is ten times as slow in one round: the ratio stays."""
    systems = [build_system('unet/unet_small_slices') for _ in 'ab']
    for name, system, seconds in zip('ab', systems, ((9, 1, 10, 1), (9, 2, 20, 2)), strict=True):
        system.name, costs = name, iter(seconds)
        monkeypatch.setattr(system, 'predict', lambda costs=costs: wait(next(costs)))
    rows = measure.measure_inference(systems, 3)
    assert rows['b']['speed'] == dict(median=0.5, low=0.5, high=0.5)
    assert rows['b']['volume'] == dict(median=2, low=2, high=11)
    assert rows['b']['rates'] == [5, 0.5, 5]


def test_scores_of_what_a_trained_system_finds(build_system, monkeypatch):
    label = np.zeros((4, 4, 4), np.uint8)  # X, Y, slices: 8 pixels, 2, none and none
    label[:2, :, 0], label[:2, 0, 1] = 1, 1
    found = label.copy()
    found[0, :, 0], found[:, :, 1], found[3, 3, 2] = 0, 0, 1  # half, missed, made up, empty
    volume, label, found = (Volume(v, np.eye(4)) for v in (label.astype(np.int16), label, found))
    system = build_system('unet/unet_small_slices', scene=Scene(volume, label))
    monkeypatch.setattr(system, 'predict', lambda: SimpleNamespace(mask=found))
    scores = measure.score_volume(system)
    assert scores['slice_fg/dsc'] == pytest.approx((100 * 8 / 12 + 0) / 2)
    assert scores['case/dsc'] == pytest.approx(100 * 8 / (10 + 5))
    assert (scores['slice_fg/failed'], scores['slice_empty/found']) == (50, 50)


def test_operations_of_known_size():
    x, weight = torch.zeros(1, 2, 8, 8), torch.zeros(4, 2, 3, 3)
    macs = measure.count_macs(lambda: torch.conv2d(x, weight, padding=1))
    assert macs == 64 * 4 * 2 * 9


def test_operations_of_a_mean_slice(build_system):
    one = build_system('unet/unet_small_slices', compiled=True)  # they are counted before
    two = [build_system('lsnet/lsnet_small_phantom', rounds=rounds) for rounds in (0, 1)]
    for number, system in enumerate(two):
        system.name = str(number)
    rows = measure.measure_size([one, *two])
    # 160x160, whatever is in the slice.
    assert rows[one.name]['work']['macs'] == pytest.approx(0.28e9, abs=0.01e9)
    assert rows['1']['work']['macs'] > rows['0']['work']['macs'] > 0


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_the_rate_of_a_machine(monkeypatch, dtype):
    class Timer:
        """A convolution takes two seconds and more."""

        def __init__(self, code, globals, num_threads):
            assert exec(code, globals) is None and globals['x'].dtype == getattr(torch, dtype)

        def blocked_autorange(self):
            self.times = [3, 2]
            return self

    monkeypatch.setattr(measure, 'Timer', Timer)
    assert measure.machine_rate('cpu', dtype, channels=8) == 9 * (64 * 8) ** 2 / 2


def test_the_most_memory_at_a_time():
    kept = torch.zeros(2**20)  # before: it does not count

    def run():
        for _ in range(2):  # one after the other is no more than one
            first = kept + 1
            second = first * 2
            del first, second

    for _ in range(2):
        assert measure.peak_memory(run, 'cpu') == pytest.approx(2 * 4 * 2**20, rel=0.01)


def test_the_loader_where_its_data_are(build_system, tmp_path):
    system, absent = (build_system('lsnet/lsnet_small_phantom') for _ in range(2))
    absent.name = 'absent'
    absent.cfg.train_dataloader.dataset.data_root = 'no/such/folder'
    data = write_prepared(tmp_path / 'data', 4, (32, 32, 12))
    system.cfg.train_dataloader.dataset.data_root = str(data)
    training = {system.name: dict(slices_per_second=dict(median=2.0))}
    rows = measure.measure_loader([system, absent], [1], 1, training)
    rate = rows[system.name]['rates']['1']['median']
    assert rate > 0 and rows[system.name]['over_step'] == rate / 2
    assert rows['absent'] == dict(missing='no data in no/such/folder', rates={})
