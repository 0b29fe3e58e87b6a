"""What is wrong with a whole set of NIfTI files is said before anything is written."""

import hashlib
import json
import os
import sys
from argparse import Namespace
from functools import partial

import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.datasets import PancreasCTDataset
from lsnet_mm.experiments.phantom import make_case
from lsnet_mm.preparation import find_nnunet
from lsnet_mm.preparation.command import run

LAI = np.diag([-0.8, 0.8, -2.5, 1.0])
LABELS = {'background': 0, 'organ': 1}


@pytest.fixture(scope='module')
def case():
    return make_case(0, 1, (40, 32, 8))[:2]


@pytest.fixture
def make(case, tmp_path):
    """Write a set of one case, and its description as it is given."""

    def write(name='c_001', image=lambda hu: hu, affine=LAI, **description):
        root = tmp_path / 'set'
        for folder, voxels in (('imagesTr', image(case[0])), ('labelsTr', case[1])):
            (root / folder).mkdir(parents=True, exist_ok=True)
            nib.save(nib.Nifti1Image(voxels, affine), root / folder / 'x.nii')
        end = os.fsencode(root)
        os.rename(end + b'/imagesTr/x.nii', end + b'/imagesTr/' + os.fsencode(name) + b'_0000.nii')
        os.rename(end + b'/labelsTr/x.nii', end + b'/labelsTr/' + os.fsencode(name) + b'.nii')
        (root / 'dataset.json').write_text(json.dumps({'labels': LABELS, **description}))
        return root

    return write


def go(root, **options):
    out = root.parent / 'out'
    args = Namespace(source=root, out=out, workers=1)
    return run(args, partial(find_nnunet, **options)), out


DESCRIPTIONS = {
    'ignore': (dict(labels={**LABELS, 'ignore': 2}), "nnU-Net's 'ignore' is none"),
    'gap': (dict(labels={'background': 0, 'organ': 3}), 'must number the classes 0, 1, 2'),
    'twice': (dict(labels={**LABELS, 'other': 1}), 'must number the classes 0, 1, 2'),
    'list': (dict(labels=['background', 'organ']), 'must give every class one number'),
    'nothing': (dict(labels=None), 'must give every class one number'),
    'lists': (dict(labels={'0': ['background']}), 'must give every class one number'),
    'MR': (dict(channel_names={'0': 'MRI'}), "the one channel must be CT, got ['MRI']"),
    'SPECT': (dict(channel_names={'0': 'spect'}), 'the one channel must be CT'),
    'T2': (dict(modality={'0': 'T2'}), 'the one channel must be CT'),
    'two channels': (dict(channel_names={'0': 'CT', '1': 'PET'}), 'the one channel must be CT'),
}


@pytest.mark.parametrize('name', DESCRIPTIONS)
def test_descriptions(make, capsys, name):
    description, message = DESCRIPTIONS[name]
    code, out = go(make(**description))
    assert code == 2 and message in capsys.readouterr().err and not out.exists()


SPLITS = {
    'with channels': [{'train': ['c_001_0000'], 'val': ['c_001_0000']}],
    'unknown': [{'train': ['c_001'], 'val': ['c_002']}],
    'empty': [{'train': [], 'val': []}],
    'text': ['c_001'],
    'an object': {'train': ['c_001']},
}


@pytest.mark.parametrize('name', SPLITS)
def test_splits(make, capsys, name):
    root = make()
    (root / 'splits_final.json').write_text(json.dumps(SPLITS[name]))
    code, out = go(root)
    assert code == 2 and not out.exists()
    assert 'splits_final.json' in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == 'win32', reason='links take rights there')
def test_what_is_not_there_is_told(make, capsys):
    """A download that was stopped, and files that are links to a disk that is away."""
    root = make(numTraining=3)
    for folder, name in (('imagesTr', 'c_002_0000.nii'), ('labelsTr', 'c_002.nii')):
        (root / folder / name).symlink_to(root / 'nowhere')
    code, _ = go(root)
    printed = capsys.readouterr()
    assert code == 1 and 'c_002: a file cannot be read or written (No such file' in printed.err
    assert 'note: dataset.json tells of 3 training cases, 2 have files' in printed.out


def test_one_case_cannot_be_divided(make, capsys):
    """Only training would say so."""
    code, out = go(make())
    assert code == 0 and '; 1 of their lists have no case, ' in capsys.readouterr().out
    with pytest.raises(ValueError, match='is empty'):
        PancreasCTDataset(data_root=str(out))


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16'])
def test_byte_order_marks(make, capsys, encoding):
    root = make()
    path = root / 'dataset.json'
    path.write_text(path.read_text(), encoding=encoding)
    code, out = go(root)
    assert code == 0 and len(PancreasCTDataset(data_root=str(out), split='all')) == 8


@pytest.mark.parametrize('shift', [1024, 1000])
def test_another_scale_and_the_way_past(make, capsys, shift):
    root = make(image=lambda hu: (hu + shift).clip(0).astype(np.int16), channel_names={'0': 'CT'})
    code, out = go(root)
    assert code == 2 and 'are no HU. ' in capsys.readouterr().err.replace(':', '. ')
    assert not [*(out / 'imagesTr').iterdir()]
    assert go(root, assume_hu=True)[0] == 0


def test_the_name_of_the_channel_is_kept(make, capsys):
    code, out = go(make(channel_names={'0': 'NCCT'}))
    assert code == 0
    assert json.loads((out / 'dataset.json').read_text())['channel_names'] == {'0': 'NCCT'}
    path = out / 'dataset.json'
    path.write_text(path.read_text().replace('NCCT', 'MRI'))
    with pytest.raises(ValueError, match='the one channel must be CT'):
        PancreasCTDataset(data_root=str(out))


def test_padding_that_does_not_fit_becomes_air(make, capsys, case):
    def pad(hu):
        hu = hu.astype(np.float32)
        hu[:3] = -1e6
        return hu

    code, out = go(make(image=pad))
    assert code == 0
    written = np.asanyarray(nib.load(out / 'imagesTr/c_001_0000.nii').dataobj)
    assert (written[:3] == -1024).all()
    np.testing.assert_array_equal(written[3:], case[0][3:])


@pytest.mark.parametrize(
    'name',
    ['Doe_Jane', 'mueller_012', 'DOE1', 'JD_007', 'ct_Doe_1', 'DOE_840512', '840512-1234',
     'c_84051_2', 'Sch\udce4del_1', 'a\x1b[2J'],
)  # fmt: skip
def test_names_that_may_be_patients(make, capsys, name):
    root = make(name)
    folds = [{'train': [name], 'val': [name]}]
    (root / 'splits_final.json').write_text(json.dumps(folds))
    code, out = go(root)
    printed = capsys.readouterr()
    assert code == 0 and name not in printed.out + printed.err
    assert '1 case(s) are called by a digest' in printed.out
    digest = f'case_{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}'
    assert [path.name for path in (out / 'imagesTr').iterdir()] == [f'{digest}_0000.nii']
    kept = json.loads((out / 'splits_final.json').read_text())
    assert kept == [{'train': [digest], 'val': [digest]}]
    for path in out.glob('*.json'):
        assert name not in path.read_text()


def test_names_are_kept_on_request(make, capsys):
    code, out = go(make('Doe_Jane'), keep_names=True)
    assert code == 0 and (out / 'imagesTr/Doe_Jane_0000.nii').is_file()


@pytest.mark.parametrize(
    'name',
    ['liver_12', 'BRATS_001', 'FLARE22_Tr_0001', 's0001', '007', 'KiTS-00012', 'BDMAP_00000012'],
)
def test_names_of_data_sets_are_kept(make, capsys, name):
    code, out = go(make(name))
    assert code == 0 and (out / f'imagesTr/{name}_0000.nii').is_file()


def test_unknown_orientation_is_a_warning(make, capsys):
    root = make()
    for path in root.rglob('*.nii'):
        image = nib.load(path)
        image = nib.Nifti1Image(np.array(image.dataobj), None)
        image.header.set_zooms((0.8, 0.8, 2.5))
        nib.save(image, path)
    code, _ = go(root)
    assert code == 0 and 'warning: c_001: its image does not say' in capsys.readouterr().err
