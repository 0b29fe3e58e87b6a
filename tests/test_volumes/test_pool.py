"""A worker that is killed costs its own call, and no other."""

import os
import signal
import sys
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pytest

from lsnet_mm.volumes import Pool

pytestmark = pytest.mark.skipif(sys.platform == 'win32', reason='no SIGKILL')


def square(number, victims=()):
    if number in victims:  # as the system does when memory runs out
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 7:
        raise ValueError('seven')
    return number**2


@pytest.mark.parametrize('victims', [(), (0,), (2, 3)])
def test_only_the_killed_call_is_lost(victims):
    with Pool(2) as pool:
        calls = [(k, victims) for k in range(10)]
        found = {k: result for (k, _), result in pool.unordered(square, calls)}
    assert sorted(found) == list(range(10))
    for k, result in found.items():
        if k in victims:
            assert isinstance(result, BrokenProcessPool)
        else:
            assert isinstance(result, ValueError) if k == 7 else result == k**2


def test_a_worker_killed_while_it_had_nothing_to_do():
    with Pool(2) as pool:
        assert dict(pool.unordered(square, [(1,)])) == {(1,): 1}
        for worker in list(pool._executor._processes):
            os.kill(worker, signal.SIGKILL)
        assert dict(pool.unordered(square, [(2,), (3,)])) == {(2,): 4, (3,): 9}


def kill_a_worker(parent, number):
    if number == 130 and os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def test_a_map_goes_on_here():
    with Pool(2) as pool:
        results = pool.map(partial(kill_a_worker, os.getpid()), range(200))
        assert list(results) == list(range(200))


def test_one_worker_is_this_process():
    with Pool(1) as pool:
        assert list(pool.map(os.getpgid, [0])) == [os.getpgid(0)]
        assert [result for _, result in pool.unordered(os.getpid, [()])] == [os.getpid()]
    with pytest.raises(ValueError, match='at least 1, got 0'):
        Pool(0)
