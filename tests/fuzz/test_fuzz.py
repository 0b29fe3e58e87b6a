"""Damaged studies are read or refused in a sentence, and the fuzzer notices what is neither."""

import os
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import fuzz
import numpy as np
import pytest

CASES = Path('../shared/cases/studies')


def test_intact_studies_are_read(tmp_path):
    """In every encoding, or a refusal of all would pass for safety."""
    outcomes = [*fuzz.fuzz(0, range(60), tmp_path, damaged=False)]
    assert [str(one) for one in outcomes if one.kinds != {'read'}] == []
    assert len({one.damages[0] for one in outcomes}) > 10


def test_damaged_studies(tmp_path):
    outcomes = [*fuzz.fuzz(0, range(300), tmp_path)]
    assert [str(one) for one in outcomes if one.failed] == []
    counts = Counter(kind for one in outcomes for kind in one.kinds)
    assert counts['read'] > 30 and counts['refused'] > 100


FAULTS = (
    *('traceback', 'hang', 'abort', 'memory', 'wrong numbers', 'passed over', 'no sentence'),
    *('names a patient', 'slices of two', 'affine', 'shift'),
)


def broken_product():
    """Every study is read with another fault."""
    from lsnet_mm.apis import study
    from lsnet_mm.volumes import VolumeError

    load, find = study.Study.load, study.find_studies

    def fault(path):
        [number] = [part for part in Path(path).parts if part.startswith('0-')]
        return FAULTS[int(number[2:]) % len(FAULTS)]

    def wrong_load(self, *options):
        file = self.nifti or self.source.headers[0].path
        name, volume = fault(file), load(self, *options)
        if name == 'traceback':
            raise TypeError('unexpected')
        if name == 'hang':
            time.sleep(60)
        if name == 'abort':
            os.abort()
        if name == 'memory':
            np.ones(40 << 20)
        if name == 'no sentence':
            raise VolumeError('1.dcm', '', '')
        if name == 'names a patient':
            print(f'{Path(file).read_bytes()}')
        voxels, affine = volume.voxels.copy(), volume.affine.copy()
        if name == 'wrong numbers':
            voxels[3, 4, 2] += 1
        if name == 'slices of two':
            voxels = voxels[..., [1, 0, *range(2, voxels.shape[2])]]
        if name == 'affine':
            affine[:3, 2] *= 1.2
        if name == 'shift':
            affine[2, 3] += 1
        return replace(volume, voxels=voxels, affine=affine)

    def wrong_find(paths):
        found = find(paths)
        if fault(paths[0]) == 'passed over':
            for k, one in enumerate(found.studies):
                if not one.nifti:
                    source = replace(one.source, headers=one.source.headers[1:])
                    found.studies[k] = replace(one, source=source)
        return found

    study.Study.load, study.find_studies = wrong_load, wrong_find


def test_faults_are_noticed(tmp_path, monkeypatch):
    """The fuzzer on a product with faults, one of each kind."""
    monkeypatch.setattr(fuzz, 'PATIENCE', 15)
    numbers = [k for k in range(60) if _is_series(k, tmp_path / str(k))]
    chosen = {FAULTS[k % len(FAULTS)]: k for k in numbers}
    assert set(chosen) == set(FAULTS)
    outcomes = fuzz.fuzz(0, sorted(chosen.values()), tmp_path, False, broken_product)
    noticed = {FAULTS[one.number % len(FAULTS)]: one.kinds for one in outcomes}
    wrong = dict.fromkeys(('slices of two', 'affine', 'shift'), 'wrong numbers')
    assert {
        name: kinds for name, kinds in noticed.items() if wrong.get(name, name) not in kinds
    } == {}


def _is_series(number, base):
    path, _ = fuzz.make_study(0, number, base, damaged=False)
    return '1-001.dcm' in {file.name for file in path.parent.rglob('*')}


# The folder for reported cases lies beside the repository where there is one.
@pytest.mark.skipif(not CASES.is_dir(), reason='no reported studies in ../shared/cases')
def test_reported_studies(tmp_path):
    """One thing wrong in each."""
    with fuzz.Reader(tmp_path / 'log') as reader:
        found = {path.name: reader.read(path.resolve()) for path in sorted(CASES.iterdir())}
    assert len(found) > 60
    assert {name: one for name, one in found.items() if one[0] & set(fuzz.FAILURES)} == {}
