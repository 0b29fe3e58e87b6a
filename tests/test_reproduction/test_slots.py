"""What the processes of each slot get."""

import os

import pytest
import torch

from lsnet_mm.reproduction.slots import make_slots


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ('OMP_NUM_THREADS', 'CUDA_VISIBLE_DEVICES'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 8)


@pytest.fixture
def gpus(monkeypatch):
    """Call it to have so many GPUs."""

    def gpus(count):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: count > 0)
        monkeypatch.setattr(torch.cuda, 'device_count', lambda: count)

    return gpus


def test_cores_are_shared(gpus):
    gpus(0)
    assert [slot['OMP_NUM_THREADS'] for slot in make_slots()] == ['8']
    slots = make_slots(3)
    assert [slot['OMP_NUM_THREADS'] for slot in slots] == ['2'] * 3
    assert 'CUDA_VISIBLE_DEVICES' not in slots[0]


@pytest.mark.parametrize('jobs, devices', [(None, ['0', '1']), (1, ['0']), (3, ['0', '1', '0'])])
def test_a_run_a_gpu(gpus, jobs, devices):
    gpus(2)
    assert [slot['CUDA_VISIBLE_DEVICES'] for slot in make_slots(jobs)] == devices


def test_what_the_user_has_set_stays(gpus, monkeypatch):
    gpus(2)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,6')
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    slots = make_slots()
    assert [slot['CUDA_VISIBLE_DEVICES'] for slot in slots] == ['4', '6']
    assert slots[0]['OMP_NUM_THREADS'] == '5'
