"""Data sets that are NIfTI already: checked, uncompressed, in one orientation, read by us."""

import json
from argparse import Namespace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from downloads import tree
from helpers import run_script

from lsnet_mm.datasets import PancreasCTDataset
from lsnet_mm.preparation import find_nnunet
from lsnet_mm.preparation.command import run

SHAPE = (20, 18, 6)
CASES = ('organ_001', 'organ_002', 'organ_003')
RAS = np.diag([0.8, 0.8, 2.5, 1.0])


def prepare_set(source: Path, out: Path) -> int:
    args = Namespace(source=source, out=out, workers=1)
    return run(args, find_nnunet)


def voxels(case: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(CASES.index(case))
    label = np.zeros(SHAPE, np.uint8)
    label[3:9, 4:9, 1:4], label[10:15, 8:13, 2:5] = 1, 2
    return rng.integers(-1000, 1000, SHAPE).astype(np.int16), label


@pytest.fixture(params=['decathlon', 'nnunet'])
def source(request, tmp_path):
    root = tmp_path / 'Task09_Organs'
    decathlon = request.param == 'decathlon'
    for folder in ('imagesTr', 'labelsTr'):
        (root / folder).mkdir(parents=True)
    for case in CASES:
        image, label = voxels(case)
        name = f'{case}.nii.gz' if decathlon else f'{case}_0000.nii.gz'
        kind = np.float32 if decathlon else np.int16
        nib.save(nib.Nifti1Image(image.astype(kind), RAS), root / 'imagesTr' / name)
        nib.save(nib.Nifti1Image(label, RAS), root / 'labelsTr' / f'{case}.nii.gz')
    (root / 'imagesTr' / f'._{case}.nii.gz').write_bytes(b'of a Mac')
    labels = {'background': 0, 'liver': 1, 'tumour': 2}
    if decathlon:
        labels = {str(value): name for name, value in labels.items()}
    (root / 'dataset.json').write_text(json.dumps({'name': 'Organs', 'labels': labels}))
    return root


def test_prepared_set(source, tmp_path, capsys):
    out = tmp_path / 'out'
    assert prepare_set(source, out) == 0
    for case in CASES:
        image, label = (nib.load(path) for path in (out / f'imagesTr/{case}_0000.nii',
                                                    out / f'labelsTr/{case}.nii'))  # fmt: skip
        assert (image.get_data_dtype(), label.get_data_dtype()) == (np.int16, np.uint8)
        assert nib.aff2axcodes(image.affine) == ('L', 'A', 'I')
        for written, original in zip((image, label), voxels(case), strict=True):
            back = nib.as_closest_canonical(written)  # RAS again
            np.testing.assert_array_equal(np.asanyarray(back.dataobj), original)
            np.testing.assert_allclose(back.affine, RAS, atol=1e-5)
    description = json.loads((out / 'dataset.json').read_text())
    assert description['labels'] == {'background': 0, 'liver': 1, 'tumour': 2}
    assert description['name'] == 'Organs' and description['file_ending'] == '.nii'
    folds = json.loads((out / 'splits_final.json').read_text())
    assert [fold['val'] for fold in folds] == [[case] for case in CASES]
    before = tree(out)
    assert prepare_set(source, out) == 0
    assert tree(out) == before
    dataset = PancreasCTDataset(data_root=str(out), split='val', fold=1)
    assert dataset.metainfo['classes'] == ('background', 'liver', 'tumour')
    assert len(dataset) == SHAPE[2] and dataset.name == 'Organs'


def test_folds_of_the_source_are_kept(source, tmp_path, capsys):
    folds = [{'train': list(CASES[:2]), 'val': [CASES[2]]}]
    (source / 'splits_final.json').write_text(json.dumps(folds))
    assert prepare_set(source, tmp_path / 'out') == 0
    assert json.loads((tmp_path / 'out' / 'splits_final.json').read_text()) == folds


def save(source: Path, folder: str, voxels: np.ndarray, affine: np.ndarray = RAS) -> None:
    path = next((source / folder).glob('organ_001*'))
    nib.save(nib.Nifti1Image(voxels, affine), path)


def no_image(source):
    next((source / 'imagesTr').glob('organ_001*')).unlink()


def two_channels(source):
    path = next((source / 'imagesTr').glob('organ_001*'))
    path.rename(path.with_name('organ_001_0000.nii.gz'))
    nib.save(nib.Nifti1Image(voxels(CASES[0])[0], RAS), path.with_name('organ_001_0001.nii.gz'))


def saved(folder, change, affine=RAS):
    """Puts another file in the place of the first case's image or label."""
    own = voxels(CASES[0])[folder == 'labelsTr']
    return lambda source: save(source, folder, change(own), affine)


MIRRORED = RAS * [[-1], [1], [1], [1]]
DAMAGE = {
    'other shape': (
        saved('labelsTr', lambda v: v[:-1]),
        'the label is (19, 18, 6), its image is (20',
    ),
    'other place': (saved('labelsTr', lambda v: v, MIRRORED), 'put it in different places'),
    'unknown class': (
        saved('labelsTr', lambda v: 3 * v),
        'label values must be 0, 1, 2, found 3, 6',
    ),
    'normalised': (saved('imagesTr', lambda v: v / 1000), 'are no HU. Export the CT before any'),
    'four dimensions': (
        saved('imagesTr', lambda v: np.stack([v, v], -1)),
        'array of shape (20, 18, 6, 2)',
    ),
    'no image': (no_image, 'the case: it has 0 files for its image'),
    'two channels': (two_channels, 'the case: it has 2 files for its image'),
}


@pytest.mark.parametrize('damage, message', DAMAGE.values(), ids=DAMAGE)
def test_refusals(source, tmp_path, capsys, damage, message):
    damage(source)
    out = tmp_path / 'out'
    assert prepare_set(source, out) == 1
    line = next(x for x in capsys.readouterr().err.splitlines() if x.startswith('organ_001: '))
    assert message in line
    assert sorted(path.name for path in (out / 'labelsTr').iterdir()) == [
        'organ_002.nii',
        'organ_003.nii',
    ]


def test_names_that_end_like_channels(tmp_path, capsys):
    for folder in ('imagesTr', 'labelsTr'):
        (tmp_path / 'set' / folder).mkdir(parents=True)
        for number in (1, 2):
            image = nib.Nifti1Image(voxels(CASES[0])[folder == 'labelsTr'], RAS)
            nib.save(image, tmp_path / 'set' / folder / f'case_{number:04d}.nii.gz')
    (tmp_path / 'set' / 'dataset.json').write_text(
        '{"labels": {"0": "background", "1": "a", "2": "b"}}'
    )
    assert prepare_set(tmp_path / 'set', tmp_path / 'out') == 0
    assert (tmp_path / 'out' / 'imagesTr' / 'case_0002_0000.nii').is_file()


@pytest.mark.parametrize(
    'content, message',
    [
        (None, 'dataset.json is missing or no JSON'),
        ('{', 'dataset.json is missing or no JSON'),
        ('{"labels": {"background": 0, "whole": [1, 2]}}', 'must give every class one number'),
        ('{"labels": {"liver": 1}}', 'must give every class one number, and 0 to one'),
        ('{"labels": {"background": 0}}', 'no NIfTI file in imagesTr or labelsTr'),
    ],
)
def test_descriptions_that_cannot_be_read(tmp_path, capsys, content, message):
    (tmp_path / 'set').mkdir()
    if content is not None:
        (tmp_path / 'set' / 'dataset.json').write_text(content)
    assert prepare_set(tmp_path / 'set', tmp_path / 'out') == 2
    assert message in capsys.readouterr().err


def test_command_line(source, tmp_path):
    done = run_script('prepare_nnunet.py', source, 'out', '--workers=1', cwd=tmp_path)
    assert '3 of 3 cases are prepared' in done and (tmp_path / 'out/dataset.json').is_file()
