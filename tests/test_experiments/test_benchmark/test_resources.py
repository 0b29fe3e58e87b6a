from itertools import count

import pytest
import torch
from torch.nn import functional as F

from lsnet_mm.experiments.benchmark.resources import (
    count_work,
    held_memory,
    machine_rates,
    peak_memory,
)
from lsnet_mm.experiments.benchmark.system import Switches


def test_multiply_adds_and_bytes_of_known_operations():
    a, b = torch.zeros(3, 5), torch.zeros(5, 7)
    work = count_work(lambda: torch.mm(a, b))
    assert work == dict(macs=3 * 5 * 7, bytes=4 * (15 + 35 + 21))
    x, weight = torch.zeros(1, 2, 8, 8), torch.zeros(4, 2, 3, 3)
    work = count_work(lambda: F.conv2d(x, weight, padding=1))
    assert work == dict(macs=64 * 4 * 2 * 9, bytes=4 * (128 + 72 + 256))
    assert count_work(lambda: a.T.reshape(15)[2:])['bytes'] == 2 * 4 * 15  # a copy, then views
    assert count_work(lambda: a.view(15)[2:]) == dict(macs=0, bytes=0)  # nothing moves
    half = torch.zeros(5, dtype=torch.bfloat16)
    assert count_work(lambda: half + half)['bytes'] == 2 * 15


@pytest.mark.parametrize('dtype', ['float32', 'bfloat16'])
def test_rates_of_a_machine(monkeypatch, dtype):
    """By a clock on which everything takes two seconds."""
    monkeypatch.setattr('lsnet_mm.experiments.benchmark.resources.SIDE', 64)
    monkeypatch.setattr('lsnet_mm.experiments.benchmark.resources.BYTES', 2**16)
    monkeypatch.setattr('lsnet_mm.experiments.benchmark.resources.CHANNELS', 8)
    clock = count(step=2)
    monkeypatch.setattr(Switches, 'now', lambda self: next(clock))
    rates = machine_rates(Switches(dtype=dtype))
    assert rates == dict(macs=9 * (64 * 8) ** 2 / 2, bytes=2 * 2**16 / 2)
    monkeypatch.setattr('lsnet_mm.experiments.benchmark.resources.SIDE', 256)
    assert machine_rates(Switches(dtype=dtype))['macs'] == 256**3 / 2


def test_the_most_memory_at_a_time():
    kept = torch.zeros(2**20)  # before: it does not count

    def run():
        for _ in range(2):  # one after the other is no more than one
            first = kept + 1
            second = first * 2
            del first, second

    assert peak_memory(run, 'cpu') == pytest.approx(2 * 4 * 2**20, rel=0.01)
    assert peak_memory(run, 'cpu') == pytest.approx(2 * 4 * 2**20, rel=0.01)


def test_memory_of_weights_and_of_their_optimizer():
    net = torch.nn.Linear(10, 10, bias=False)
    adam = torch.optim.Adam(net.parameters())
    assert held_memory(net, adam) == 4 * 100
    net(torch.ones(1, 10)).sum().backward()
    adam.step()
    assert held_memory(net, adam) == 4 * (3 * 100 + 1)  # two moments, and a count of steps
