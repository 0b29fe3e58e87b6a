"""Which series of a visit is taken: files as scanners write them, each rule by itself."""

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from lsnet_mm.experiments.phantom import downloaded_case, write_download
from lsnet_mm.volumes import VolumeError, choose_series, ct_series, find_series, read_hu

SHAPE = (40, 32, 9)
HU = downloaded_case(0, 1, SHAPE)[0]


@pytest.fixture
def visit(tmp_path):
    """Folder with a series, which a function copies with other elements."""
    root = write_download(tmp_path / 'download', 1, SHAPE, withdrawn=False)
    original = next(root.rglob('*.dcm')).parent

    def add(name, keep=lambda k: True, **elements):
        folder = original.with_name(name)
        shutil.copytree(original, folder)
        uid = generate_uid()
        for k, path in enumerate(sorted(folder.iterdir())):
            data = pydicom.dcmread(path)
            data.SeriesInstanceUID, data.SOPInstanceUID = uid, generate_uid()
            for keyword, value in elements.items():
                setattr(data, keyword, value(k, data) if callable(value) else value)
            data.save_as(path)
            if not keep(k):
                path.unlink()
        return folder

    add.root, add.original = root, original
    return add


def choose(root, wanted=None):
    everything, _ = find_series(root)
    return choose_series(everything, ct_series(everything)[0], wanted)


def said(root):
    """Of the only visit, by the folder of each series: whether it is chosen, and why."""
    [visit] = choose(root)
    return {one.series.headers[0].path.parent.name: (one.chosen, one.reason) for one in visit}


def coronal(k, data):
    x, y, z = data.ImagePositionPatient
    return [x, 3.0 * k, y]


def apart(mm):
    return lambda k, data: [*data.ImagePositionPatient[:2], -mm * k]


#: What a worse series has, and of the better one; what is said of the worse.
WORSE = {
    'coronal': (
        dict(ImageOrientationPatient=[1, 0, 0, 0, 0, -1], ImagePositionPatient=coronal), {},
        'its slices are coronal',
    ),
    'derived': (dict(ImageType=['DERIVED', 'SECONDARY', 'AXIAL']), {}, 'derived from others'),
    'projection': (
        dict(ImageType=['DERIVED', 'SECONDARY', 'AXIAL', 'MIP']),
        dict(ImageType=['DERIVED', 'PRIMARY', 'AXIAL']), 'a projection made of others',
    ),
    'subtraction': (dict(SeriesDescription='JANE_Subtraction'), {}, 'a subtraction made of oth'),
    'bolus tracking': (dict(keep=lambda k: k < 2), {}, 'covers '),
    'of the chest': (
        dict(BodyPartExamined='CHEST'), dict(BodyPartExamined='CHESTABDPELVIS'),
        'not said to be of the abdomen',
    ),
    'GE bone': (dict(ConvolutionKernel='BONEPLUS'), dict(ConvolutionKernel='STANDARD'),
                'a sharp kernel (BONEPLUS)'),
    'Siemens lung': (dict(ConvolutionKernel=['Bl57d', '3']), dict(ConvolutionKernel='Br40d'),
                     'a sharp kernel (Bl57d)'),
    'Siemens B70f': (dict(ConvolutionKernel='B70f'), dict(ConvolutionKernel='B30f'), '(B70f)'),
    'Canon': (dict(ConvolutionKernel='FC52'), dict(ConvolutionKernel='FC18'), '(FC52)'),
    'Philips': (dict(ConvolutionKernel='YB'), dict(ConvolutionKernel='B'), '(YB)'),
    'a word': (dict(SeriesDescription='JANE_DOE lung 1.0'), {}, 'a sharp kernel, as for bone'),
    'an odd kernel': (dict(ConvolutionKernel='JANE lung'), {}, 'a sharp kernel, as for bone'),
    'arterial': (dict(SeriesDescription='Abd. art. JANE'), {}, 'its phase is arterial'),
    'native': (dict(SeriesDescription='Abdomen non-contrast'), dict(ContrastBolusAgent='JANE'),
               'its phase is native'),
    'no phase': ({}, dict(SeriesDescription='JANE_Portal-venous 2.0'), 'its phase is not said'),
    'venös': ({}, dict(SeriesDescription='Abdomen venös', SpecificCharacterSet='ISO_IR 192'),
              'its phase is not said'),
    'thick': (dict(ImagePositionPatient=apart(5)), dict(ImagePositionPatient=apart(2.5)),
              'its slices are 5 mm apart'),
    'short': (dict(keep=lambda k: k < 6), {}, 'covers '),
    'fewer': (dict(ImagePositionPatient=apart(2), keep=lambda k: k < 7),
              dict(ImagePositionPatient=apart(1.5)), 'only 7 slices'),
    'a localizer': (dict(ImageType=['ORIGINAL', 'PRIMARY', 'LOCALIZER']), {}, 'it is a localizer'),
    'PET': (dict(Modality='PT'), {}, 'it is a PT file'),
    'two in one': (dict(ImagePositionPatient=lambda k, data: [0, 0, -5 * (k // 2)]), {},
                   'lie at the places of others'),
}  # fmt: skip


@pytest.mark.parametrize('worse_first', [True, False])
@pytest.mark.parametrize('worse, better, reason', WORSE.values(), ids=WORSE)
def test_rules(visit, worse, better, reason, worse_first):
    """Whatever their order, and nothing that someone wrote is repeated."""
    visit('worse', **worse, SeriesNumber=2 - worse_first)
    visit('better', **better, SeriesNumber=1 + worse_first)
    shutil.rmtree(visit.original)
    found = said(visit.root)
    assert found['better'][0] and not found['worse'][0]
    assert reason in found['worse'][1] and 'JANE' not in str(found), found
    assert found['better'][1].startswith('chosen by ')


def test_the_first_of_what_cannot_be_told_apart(visit):
    """By SeriesNumber, and that is said on both sides; text as a number changes nothing."""
    visit('a', SeriesNumber=7)
    visit('b', SeriesNumber=3)
    shutil.rmtree(visit.original)
    assert said(visit.root) == {
        'b': (True, 'the first; nothing in the headers tells it from series 2'),
        'a': (False, 'nothing in the headers tells it from series 1, which comes first'),
    }
    visit.root.joinpath('z').mkdir()
    next(visit.root.rglob('b')).rename(visit.root / 'z' / 'z')
    assert said(visit.root)['z'][0]


def test_visits_are_chosen_in_one_by_one(visit):
    """Another study, another patient, and what has no StudyInstanceUID is one each."""
    visit('bone', ConvolutionKernel='BONE')
    visit('later', StudyInstanceUID='1.2.3')
    visit('other', PatientID='PANCREAS_0002')
    visit('unknown', StudyInstanceUID='')
    visit('unknown 2', StudyInstanceUID='')
    chosen = {
        one.series.headers[0].path.parent.name
        for found in choose(visit.root)
        for one in found
        if one.chosen
    }
    assert chosen == {visit.original.name, 'later', 'other', 'unknown', 'unknown 2'}


def test_where_none_is_a_volume_none_is_chosen(visit):
    """All are taken, and each is refused for what it is; also of a lone scout it is said."""
    double = dict(ImagePositionPatient=lambda k, data: [0, 0, -5 * (k // 2)])
    visit('a', **double)
    visit('b', **double)
    visit('scout', ImageType=['ORIGINAL', 'PRIMARY', 'LOCALIZER'])
    shutil.rmtree(visit.original)
    found = said(visit.root)
    assert {name: chosen for name, (chosen, _) in found.items()} == {
        'a': True, 'b': True, 'scout': False
    }  # fmt: skip
    with pytest.raises(VolumeError, match='it holds 2 series. Name the folder of one'):
        read_hu(visit.root)


def test_numbers(visit):
    visit('bone', ConvolutionKernel='BONE', SeriesNumber=1)
    visit('scout', ImageType=['ORIGINAL', 'PRIMARY', 'LOCALIZER'], SeriesNumber=2)
    for wanted, chosen in ((None, [3]), ({1}, [1]), ({1, 3}, [1, 3]), (set(), [1, 3])):
        [found] = choose(visit.root, wanted)
        assert [one.number for one in found if one.chosen] == chosen


def test_read_hu_follows_the_rules_and_says_so(visit):
    visit('bone', ConvolutionKernel='BONE', SeriesNumber=1, RescaleIntercept='1')
    volume = read_hu(visit.root)
    np.testing.assert_array_equal(volume.voxels, HU)
    assert volume.notes == ('is series 2 of 2 of its visit, chosen by kernel',)
    sharp = read_hu(visit.root, series=1)
    np.testing.assert_array_equal(sharp.voxels, HU + 1)
    assert sharp.notes == ()
    with pytest.raises(VolumeError, match='no series 7, it holds 2. See .* lsnet-segment --list'):
        read_hu(visit.root, series=7)
