"""Whatever is wrong: a message that names the file and the fix, an exit code, nothing written."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from pydicom.uid import generate_uid
from threshold_segmentor import expected_mask

from lsnet_mm.experiments.phantom import make_case, write_download

SAMPLES = Path(__file__).parents[3] / 'shared/dicom_samples'
CAPTURE = '1.2.840.10008.5.1.4.1.1.7'
DOSE = '1.2.840.10008.5.1.4.1.1.481.2'


@pytest.fixture
def series(study):
    """Folder with the files of one series and nothing else."""
    return next(study.rglob('*.dcm')).parent


def edit(folder, index=None, **values):
    """Set elements of one file of a folder, or of all."""
    files = sorted(folder.iterdir())
    for path in files if index is None else [files[index]]:
        data = pydicom.dcmread(path)
        for keyword, value in values.items():
            setattr(data, keyword, value)
        data.save_as(path)


def add(folder, name, **values):
    """A further file, made of the first one."""
    data = pydicom.dcmread(sorted(folder.iterdir())[0])
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.save_as(folder / name)


def truncate(folder, index=4, size=-500):
    path = sorted(folder.iterdir())[index]
    path.write_bytes(path.read_bytes()[:size])


CASES = {
    'truncated': (
        truncate,
        '1-005.dcm: the file is truncated or damaged. Download the series again.',
    ),
    'no DICOM': (
        lambda s: (s / '1-004.dcm').write_text('502 Bad Gateway'),
        '1-004.dcm: the file is no DICOM file, in spite of its name. Copy the series again',
    ),
    'gap': (
        lambda s: (s / '1-004.dcm').unlink(),
        '1-005.dcm: 1 slice(s) missing between it and 1-003.dcm: NIfTI cannot hold it. Download '
        'the series again, or segment it slice by slice with --dicom-seg.',
    ),
    'localizers alone': (
        lambda s: edit(s, ImageType=['ORIGINAL', 'PRIMARY', 'LOCALIZER']),
        '1-001.dcm: it is a localizer, no CT slice. Choose a CT series.',
    ),
    'dose alone': (
        lambda s: edit(s, Modality='RTDOSE', SOPClassUID=DOSE),
        '1-001.dcm: it is a RTDOSE file, no CT slice. Choose a CT series.',
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_bad_series(series, segment, case):
    spoil, message = CASES[case]
    spoil(series)
    code, printed, errors, out = segment(series)
    assert code == 2
    assert message in errors, errors
    assert not out.exists()
    assert '0 of ' in printed


def test_what_lies_beside_the_slices_is_left_out(series, segment):
    """Localizer, dose and report share folder and even series with the slices."""
    other = dict(SeriesInstanceUID=generate_uid())
    add(series, '9-1.dcm', ImageType=['ORIGINAL', 'PRIMARY', 'LOCALIZER'], Rows=16, Columns=80)
    add(series, '9-2.dcm', Modality='RTDOSE', SOPClassUID=DOSE, NumberOfFrames=3, **other)
    add(series, '9-3.dcm', SOPClassUID=CAPTURE, SamplesPerPixel=3, SeriesInstanceUID='1.2.3')
    add(series, '9-4.dcm', Modality='RTSTRUCT', SeriesInstanceUID='1.2.4')
    add(series, '9-5.dcm', SeriesInstanceUID='1.2.5')
    code, printed, errors, out = segment(series)
    assert code == 0, errors
    kinds = ('localizer', 'RTDOSE file', 'RTSTRUCT file', 'screen capture', 'single CT image')
    for kind in kinds:
        assert f'note: argument 1: 1 x {kind} left out' in printed
    record = json.loads((out / 'study_001.json').read_text())
    assert record['beside'] == dict.fromkeys(kinds, 1)
    assert nib.load(out / 'study_001.nii.gz').shape == (40, 32, 10)


def test_empty_and_missing(tmp_path, segment):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'a.txt').write_text('')
    code, _, errors, out = segment(tmp_path / 'empty', tmp_path / 'a.txt', tmp_path / 'nowhere.nii')
    assert code == 2 and not out.exists()
    assert 'argument 1: it holds no CT series and no NIfTI file. Name a folder with' in errors
    assert 'argument 2: it is no folder and no NIfTI file. Name' in errors
    assert 'argument 3: it is not there. Name' in errors


NIFTI = {
    'NaN': (np.where(np.eye(8)[..., None] * np.ones(4), np.nan, -100), 'slice 0 holds voxels that'),
    'label': (np.ones((8, 8, 4), np.uint8), 'its values are no HU: none is below 0'),
    'RGB': (np.zeros((8, 8, 4), [(c, 'u1') for c in 'RGB']), 'colours or complex numbers. Export'),
}


@pytest.mark.parametrize('case', NIFTI)
def test_bad_nifti(tmp_path, segment, case):
    voxels, message = NIFTI[case]
    voxels = voxels.astype(np.float32) if voxels.dtype == float else voxels
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / '12.nii.gz')
    code, _, errors, out = segment(tmp_path / '12.nii.gz')
    assert code == 2 and not out.exists()
    assert '12.nii.gz: ' in errors and message in errors


def test_nifti_by_content(tmp_path, segment):
    """Whatever it is called; what is half a volume, or a link to none, is not passed over."""
    hu, inbox = make_case(0, 1, (40, 32, 8))[0], tmp_path / 'inbox'
    image, away = nib.Nifti1Image(hu, np.diag([-1, 1, 2, 1])), tmp_path / 'away'
    for folder in (inbox, away):
        folder.mkdir()
    (inbox / '0012').write_bytes(image.to_bytes())
    (inbox / '0013.gz').write_bytes(gzip.compress(image.to_bytes()))
    nib.save(image, away / '14.nii.gz')
    (inbox / 'scans').symlink_to(away)
    (inbox / '15.nii').symlink_to(tmp_path / 'nowhere')
    (inbox / 'notes.gz').write_bytes(gzip.compress(b'none'))
    nib.save(nib.Nifti1Pair(hu, image.affine), tmp_path / '16.img')
    code, printed, errors, out = segment(inbox, tmp_path / '16.img', tmp_path / '16.hdr')
    assert code == 1 and '3 of 5 studies are segmented' in printed, errors
    assert errors.count('it is one half of a pair, of header (.hdr) and voxels (.img)') == 2
    assert '15.nii: it is no file, or a link to nowhere. Copy it again.' in errors
    assert len([*out.glob('*.nii.gz')]) == 3
    for path in out.glob('*.nii.gz'):
        np.testing.assert_array_equal(nib.load(path).get_fdata(), expected_mask(hu))


def test_denied_by_the_system(series, segment, monkeypatch):
    """Also of root, who may do everything."""
    iterdir = Path.iterdir

    def denied(path):
        if path == series:
            raise PermissionError(13, 'Permission denied', '/secret/JANE_DOE')
        return iterdir(path)

    monkeypatch.setattr(Path, 'iterdir', denied)
    code, _, errors, out = segment(series)
    assert code == 2 and 'argument 1: it cannot be read (Permission denied). Check' in errors
    assert 'JANE' not in errors and not out.exists()


def test_checkpoint_of_another_config(series, segment, model, tmp_path):
    config, checkpoint = model
    torch.save(dict(state_dict={'weight': torch.ones(2)}), tmp_path / 'other.pth')
    torch.save(dict(state_dict={}, extra=object), tmp_path / 'unsafe.pth')
    for own, message in [
        ((config, tmp_path / 'other.pth'), 'other.pth is no checkpoint of this config: Missing'),
        ((config, tmp_path / 'unsafe.pth'), '--unsafe-checkpoint'),
        ((config, tmp_path / 'none.pth'), 'checkpoint not found'),
        (('none.py', checkpoint), 'config not found: none.py'),
    ]:
        code, _, errors, out = segment(series, model=own)
        assert code == 2 and message in errors and not out.exists(), errors


def test_output_that_exists(series, segment, tmp_path):
    out = tmp_path / 'out'
    out.write_text('')
    code, _, errors, _ = segment(series)
    assert code == 2 and 'out is no folder. Name one to write to.' in errors
    out.unlink()
    out.mkdir()
    (out / 'study_001.nii.gz').write_text('precious')
    for options in ((), ('--overwrite',)):  # it may be somebody's, and keeps its name
        code, _, errors, _ = segment(series, options=options)
        assert code == 0, errors
        assert (out / 'study_001.nii.gz').read_text() == 'precious'
        assert len([*out.iterdir()]) == 3 and (out / 'study_002.nii.gz').is_file()


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='no real DICOM files in ../shared')
def test_real_files(segment, tmp_path):
    """A real CT slice in four encodings, each a single slice; and a file without pixels."""
    for path in sorted(SAMPLES.glob('*.dcm')):
        code, printed, errors, out = segment(path)
        if path.name == 'no_pixel_data.dcm':
            assert code == 2 and 'it is a SR file, no CT slice. Choose a CT series.' in errors
            continue
        assert code == 0, errors
        assert 'it is a single slice of' in errors
        name = re.search(r'^(study_\d+) ', printed, re.MULTILINE)[1]
        mask = np.asanyarray(nib.load(out / f'{name}.nii.gz').dataobj)[..., 0].T
        data = pydicom.dcmread(path)
        hu = data.pixel_array * data.get('RescaleSlope', 1) + data.get('RescaleIntercept', 0)
        np.testing.assert_array_equal(mask, expected_mask(np.maximum(hu, -1024)))


@pytest.mark.skipif(not SAMPLES.is_dir(), reason='no real DICOM files in ../shared')
def test_real_slice_as_a_series(segment, tmp_path):
    """A genuine compressed slice of the collection, stacked on itself."""
    pytest.importorskip('openjpeg')
    (tmp_path / 'real').mkdir()
    for k in range(4):
        data = pydicom.dcmread(SAMPLES / 'tcia_pancreas_0001_slice_122.dcm')
        data.ImagePositionPatient = [0, 0, -121 - k]
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.InstanceNumber = 122 + k
        data.save_as(tmp_path / 'real' / f'1-{k}.dcm')
    code, _, errors, out = segment(tmp_path / 'real', options=['--dicom-seg'])
    assert code == 0, errors
    mask = np.asanyarray(nib.load(out / 'study_001.nii.gz').dataobj)
    np.testing.assert_array_equal(mask[..., 2].T, expected_mask(data.pixel_array))


def test_one_bad_study_does_not_stop_the_rest(segment, tmp_path):
    root = write_download(tmp_path / 'd', 3, (40, 32, 10), withdrawn=False)
    folders = sorted({path.parent for path in root.rglob('*.dcm')})
    truncate(folders[1])
    code, printed, errors, out = segment(*folders, tmp_path / 'nothing')
    assert code == 1
    assert sorted(p.name for p in out.glob('*.nii.gz')) == ['study_001.nii.gz', 'study_003.nii.gz']
    assert 'study_002 (argument 2, series 1 of 1 (10 files)): 1-005.dcm: the file is trun' in errors
    assert '2 of 3 studies are segmented' in printed and 'argument 4: it is not there' in errors


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no pipes')
def test_bombs():
    drill = Path(__file__).parents[1] / 'drills' / 'bombs.py'
    done = subprocess.run([sys.executable, drill], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
