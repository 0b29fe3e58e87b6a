"""A worker that is killed costs its own call, and no other."""

import multiprocessing
import os
import signal
import sys
from concurrent.futures.process import BrokenProcessPool

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


def test_processes_that_cannot_be_started_hold_up_no_other_call(monkeypatch):
    def fail():
        raise OSError('too many open files')

    monkeypatch.setattr('lsnet_mm.volumes.pool._start', fail)
    with Pool(2) as pool:
        found = [result for _, result in pool.unordered(square, [(k,) for k in range(6)])]
    assert len(found) == 6 and all(isinstance(result, OSError) for result in found)


def own_process(_):
    return os.getpid()


def test_a_worker_killed_while_it_had_nothing_to_do():
    with Pool(2) as pool:
        for _, worker in list(pool.unordered(own_process, [(1,), (2,)])):
            if worker in {child.pid for child in multiprocessing.active_children()}:
                os.kill(worker, signal.SIGKILL)
        assert dict(pool.unordered(square, [(2,), (3,)])) == {(2,): 4, (3,): 9}


def once(path):
    """Kills its process, but only the first time."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return 'done'
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_call_is_made_again(tmp_path):
    with Pool(2) as pool:
        assert [result for _, result in pool.unordered(once, [(tmp_path / 'a',)])] == ['done']


def test_one_worker_is_this_process():
    with Pool(1) as pool:
        assert [result for _, result in pool.unordered(os.getpid, [()])] == [os.getpid()]
    with pytest.raises(ValueError, match='at least 1, got 0'):
        Pool(0)
