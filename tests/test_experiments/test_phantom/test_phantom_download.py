import filecmp
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from lsnet_mm.experiments.phantom import downloaded_case, make_case, write_download

SMALL = (40, 32, 8)
REAL = Path(__file__).parents[4] / 'shared/dicom_samples/tcia_pancreas_0001_slice_122.dcm'
LABELS = 'TCIA_pancreas_labels-02-05-2017'


def series_of(root: Path) -> dict[str, list[pydicom.Dataset]]:
    """All series under a folder, by patient, in the order of InstanceNumber."""
    found = {}
    for path in sorted(root.rglob('*.dcm')):
        found.setdefault(pydicom.dcmread(path).PatientID, []).append(pydicom.dcmread(path))
    return {key: sorted(files, key=lambda f: f.InstanceNumber) for key, files in found.items()}


@pytest.mark.parametrize(
    'layout, order', [('nbia', 'ascending'), ('doi', 'descending'), ('bare', 'ascending')]
)
def test_voxels_come_back(tmp_path, layout, order):
    root = write_download(tmp_path / 'raw', 2, SMALL, seed=3, layout=layout, slice_order=order)
    series = series_of(root)
    assert sorted(series) == ['PANCREAS_0001', 'PANCREAS_0002']
    volume, label, spacing = make_case(3, 2, SMALL)
    files = series['PANCREAS_0002']
    read = np.stack([file.pixel_array.T for file in files], axis=2)
    heights = [file.ImagePositionPatient[2] for file in files]
    step = 1 if order == 'descending' else -1  # make_case counts from the feet
    assert read.dtype == np.int16
    np.testing.assert_array_equal(read, volume[..., ::step])
    assert max(heights) == 0  # of either order: the bodies stay where they are
    np.testing.assert_allclose(np.diff(heights), step * spacing[2], atol=2e-6)
    np.testing.assert_allclose(files[0].PixelSpacing, (spacing[1], spacing[0]), atol=1e-6)
    (path,) = root.rglob('label0002.nii.gz')
    written = nib.load(path)
    np.testing.assert_array_equal(np.asarray(written.dataobj), label[..., ::step])
    given = downloaded_case(3, 2, SMALL, order)
    np.testing.assert_array_equal(given[0], read)
    np.testing.assert_array_equal(given[1], label[..., ::step])
    # The label's header contradicts the series: columns to the left, rows to the front.
    assert nib.aff2axcodes(written.affine) == ('R', 'A', 'S')


UID = r'1\.2\.826[.\d]+'


@pytest.mark.parametrize(
    'layout, pattern',
    [
        (
            'nbia',
            r'manifest-\d+/Pancreas-CT/PANCREAS_0001/11-24-2015-PANCREAS0001-Pancreas-\d{5}/'
            r'Pancreas-\d{5}/1-00\d.dcm',
        ),
        ('doi', f'DOI/PANCREAS_0001/{UID}/{UID}/00000\\d.dcm'),
        ('bare', f'{UID}/1-00\\d.dcm'),
    ],
)
@pytest.mark.parametrize('folder, numbers', [('plain', (1, 25, 70)), ('doubled', (1,))])
def test_where_files_lie(tmp_path, layout, pattern, folder, numbers):
    options = dict(layout=layout, label_folder=folder, withdrawn=len(numbers) > 1)
    root = write_download(tmp_path / 'raw', 1, SMALL, **options)
    images = [path.relative_to(root).as_posix() for path in root.rglob('*.dcm')]
    assert len(images) == 8 and all(re.fullmatch(pattern, name) for name in images)
    labels = root / LABELS if folder == 'plain' else root / LABELS / LABELS
    expected = [labels / f'label{number:04d}.nii.gz' for number in numbers]
    assert sorted(root.rglob('*.nii.gz')) == expected


def test_headers_have_the_quirks_of_the_collection(tmp_path):
    files = series_of(write_download(tmp_path / 'raw', 2, SMALL))
    first, second = files['PANCREAS_0001'], files['PANCREAS_0002']
    for k, file in enumerate(first):
        assert file.ImageOrientationPatient == [1, 0, 0, 0, -1, 0]
        assert 'SliceThickness' in file and file.SliceThickness is None
        assert (file.BitsStored, file.PixelRepresentation) == (16, 1)
        assert file.InstanceNumber == k + 1
    assert first[0].ImagePositionPatient == [0, 0, 0] and first[1].ImagePositionPatient[2] < 0
    assert len({file.StudyTime for file in first}) == len(first)
    assert len({file.SeriesInstanceUID for file in first}) == 1
    assert len({file.SOPInstanceUID for file in first + second}) == 16
    assert (first[0].RescaleSlope, first[0].RescaleIntercept) == (1, 0)
    assert 'RescaleSlope' not in second[0] and 'RescaleIntercept' not in second[0]
    assert 'phantom' in first[0].Manufacturer and 'FICTITIOUS' in str(first[0].PatientName)
    assert first[0].PatientBirthDate and first[0].StudyDate


@pytest.mark.skipif(not REAL.is_file(), reason='the sample is not on this machine')
def test_headers_are_those_of_a_genuine_slice(tmp_path):
    root = write_download(tmp_path / 'raw', 1, SMALL)
    ours, real = series_of(root)['PANCREAS_0001'][0], pydicom.dcmread(REAL)
    other = {e.keyword for e in real if e.keyword not in ours or ours[e.keyword].value != e.value}
    assert {keyword for keyword in other if keyword and not keyword.endswith('UID')} == {
        'StudyTime', 'InstanceNumber', 'ImagePositionPatient', 'PixelSpacing', 'PixelData',
        'Rows', 'Columns',
        'AccessionNumber', 'InstitutionName', 'Manufacturer', 'PatientBirthDate', 'PatientName',
        'PatientSex', 'ReferringPhysicianName',  # made up
        'ContrastBolusAgent', 'ConversionType', 'PositionReferenceIndicator',  # left out
    }  # fmt: skip
    assert real.ImagePositionPatient[2] == -(real.InstanceNumber - 1) < 0
    assert real[0x13, 0x10].value == ours[0x13, 0x10].value == 'CTP'


def test_withdrawn_numbers_are_left_out(tmp_path):
    root = write_download(tmp_path / 'raw', 26, (32, 32, 8))
    names = sorted(path.name for path in root.rglob('PANCREAS_*'))
    assert names[23:] == ['PANCREAS_0024', 'PANCREAS_0026', 'PANCREAS_0027']


@pytest.mark.parametrize('layout', ['nbia', 'doi', 'bare'])
def test_same_arguments_same_bytes_and_overwriting(tmp_path, layout):
    roots = [write_download(tmp_path / name, 1, SMALL, layout=layout) for name in 'ab']
    write_download(roots[1], 1, SMALL, seed=1, layout='nbia', overwrite=True)
    write_download(roots[1], 1, SMALL, layout=layout, overwrite=True)
    names = [sorted(p.relative_to(r) for p in r.rglob('*') if p.is_file()) for r in roots]
    assert names[0] == names[1] and len(names[0]) == 8 + 3 + 3
    assert filecmp.cmpfiles(*roots, names[0], shallow=False)[1:] == ([], [])
    assert [path.name for path in sorted(tmp_path.iterdir())] == ['a', 'b']


@pytest.mark.parametrize(
    'wrong',
    [
        dict(layout='zip'),
        dict(slice_order='up'),
        dict(label_folder='none'),
        dict(transfer_syntax=pydicom.uid.ExplicitVRBigEndian),
        dict(shape=(8, 8, 8)),
    ],
)
def test_refusals_leave_nothing(tmp_path, wrong):
    with pytest.raises(ValueError, match='zip|up|none|Big Endian|at least'):
        write_download(tmp_path / 'raw', **wrong)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_run_leaves_what_was_there(tmp_path):
    def interrupt(numbers):
        yield numbers[0]
        raise KeyboardInterrupt

    root = write_download(tmp_path / 'raw', 1, SMALL)
    before = sorted(root.rglob('*'))
    with pytest.raises(KeyboardInterrupt):
        write_download(root, 2, SMALL, seed=1, overwrite=True, track=interrupt)
    assert sorted(root.rglob('*')) == before and list(tmp_path.iterdir()) == [root]


def test_a_real_download_is_never_overwritten(tmp_path):
    root = write_download(tmp_path / 'raw', 1, SMALL)
    (root / 'PHANTOM.txt').unlink()
    with pytest.raises(FileExistsError, match='raw has no PHANTOM.txt, so it may be no phantom'):
        write_download(root, 1, SMALL, overwrite=True)
    with pytest.raises(FileExistsError, match='raw is not empty.*--overwrite'):
        write_download(root, 1, SMALL)


def test_command_line_writes_a_download(tmp_path):
    tool = Path(__file__).parents[3] / 'tools' / 'make_phantom.py'
    command = [sys.executable, str(tool), str(tmp_path / 'raw'), '--cases', '1', '--size', '32']
    command += ['--slices', '8']
    wrong = subprocess.run([*command, '--layout', 'doi'], capture_output=True, text=True)
    assert wrong.returncode != 0 and '--layout' in wrong.stderr and '--download' in wrong.stderr
    options = ['--download', '--layout', 'doi', '--slice-order', 'descending']
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / 'raw/DOI/PANCREAS_0001').rglob('*.dcm'))) == 8
