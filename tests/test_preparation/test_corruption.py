"""Whatever is wrong with a case: it is refused by name, the other one is prepared, exit code 1."""

import json
import os
import re
import shutil
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from downloads import prepare_download

from lsnet_mm.preparation import Case, find_pancreas_ct, prepare
from lsnet_mm.volumes import Pool


def missing_slice(d):
    d.files[10].unlink()


def missing_slices(d):
    for k in (10, 11, 12):
        d.files[k].unlink()


def first_slice_missing(d):
    d.files[0].unlink()


def last_slices_missing(d):
    for k in (-1, -2):
        d.files[k].unlink()


def duplicated_slice(d):
    shutil.copy(d.files[10], d.files[10].with_name('1-099.dcm'))


def two_series(d):
    for path in d.files:
        data = pydicom.dcmread(path)
        data.SeriesInstanceUID = '1.2.3'
        data.save_as(path.with_name(path.name.replace('1-', '2-')))


def mixed_sizes(d):
    pixels = pydicom.dcmread(d.files[10]).PixelData
    d.edit(10, Rows=32, PixelData=pixels[: len(pixels) // 2])


def tilted_stack(d):
    for k in range(len(d.files)):
        x, y, z = d.position(k)
        d.edit(k, ImagePositionPatient=[x, y + 0.2 * z, z])


def tilted_header(d):
    for k in range(len(d.files)):
        d.edit(k, GantryDetectorTilt='-12.5')


def uneven_spacing(d):
    for k in range(10, len(d.files)):
        x, y, z = d.position(k)
        d.edit(k, ImagePositionPatient=[x, y, z - 1.5])


def truncated(d):
    d.files[10].write_bytes(d.files[10].read_bytes()[:-1000])


def truncated_header(d):
    d.files[10].write_bytes(d.files[10].read_bytes()[:700])


def text_file(d):
    d.files[10].write_text('<html>502 Bad Gateway</html>')


def no_pixels(d):
    d.edit(10, PixelData=None)


def no_position(d):
    d.edit(10, ImagePositionPatient=None)


def other_orientation(d):
    d.edit(10, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])


def other_spacing(d):
    d.edit(10, PixelSpacing=[0.5, 0.5])


def no_ct(d):
    for k in range(len(d.files)):
        d.edit(k, Modality='MR')


def shuffled_numbers(d):
    d.edit(10, InstanceNumber=12)
    d.edit(11, InstanceNumber=11)


def frames(d):
    d.edit(10, NumberOfFrames='2')


def no_hounsfield(d):
    d.edit(10, RescaleSlope='1000', RescaleIntercept='0')


def label_of_other_shape(d):
    d.edit_label(lambda label: label[..., :-1])


def label_flipped(d):
    d.edit_label(lambda label: label[:, ::-1])


def label_shifted(d):
    d.edit_label(lambda label: np.pad(label, ((0, 0), (0, 0), (10, 0)))[..., :-10])


def label_255(d):
    d.edit_label(lambda label: 255 * label)


def label_empty(d):
    d.edit_label(np.zeros_like)


def label_truncated(d):
    d.label.write_bytes(d.label.read_bytes()[:-200])


def label_twice(d):
    other = d.label.parent / 'again' / d.label.name
    other.parent.mkdir()
    shutil.copy(d.label, other)
    d.label = other
    label_flipped(d)


def no_images(d):
    shutil.rmtree(next(d.root.rglob('PANCREAS_0001')))


def no_label(d):
    d.label.unlink()


DRILL = [
    (missing_slice, '1-012.dcm: 1 slice is missing between it and 1-010.dcm. Download the series'),
    (missing_slices, '1-014.dcm: 3 slices are missing between it and 1-010.dcm. Download'),
    (
        first_slice_missing,
        '(64, 64, 24), its images are (64, 64, 23) (columns, rows, slices): 1 slice is missing at '
        "an end of the series, or the label is another's. Check that the series is whole",
    ),
    (last_slices_missing, ': 2 slices are missing at an end of the series, or the label is anoth'),
    (
        duplicated_slice,
        '1-099.dcm: it is at the same position as 1-011.dcm: a duplicated slice',
    ),
    (two_series, 'the case: it has 2 series, of 24 and 24 files. Keep the one'),
    (
        mixed_sizes,
        '1-011.dcm: the slices have several sizes (rows, columns): (32, 64) here',
    ),
    (tilted_stack, 'a series of 24 files: the gantry was tilted by 11.3 degrees, the slices are s'),
    (tilted_header, 'a series of 24 files: the gantry was tilted by 12.5 degrees, the slices are '),
    (uneven_spacing, '1-011.dcm: uneven spacing: 7.01 mm from 1-010.dcm, 5.51 mm elsewhere. Keep'),
    (truncated, '1-011.dcm: the file is truncated or damaged. Download the series again.'),
    (truncated_header, '1-011.dcm: the file has a broken or truncated DICOM header. Download'),
    (
        text_file,
        '1-011.dcm: the file is no DICOM file, in spite of its name. Download',
    ),
    (no_pixels, '1-011.dcm: the file has no pixel data. Download the series again.'),
    (no_position, '1-011.dcm: it has no ImagePositionPatient, so its place is unknown. Remove it'),
    (
        other_orientation,
        '1-011.dcm: the slices have several orientations: (1.0, 0.0',
    ),
    (other_spacing, '1-011.dcm: the slices have several pixel spacings: (0.5, 0.5) here'),
    (no_ct, '1-001.dcm: the modality is MR, not CT. Choose a CT series.'),
    (
        shuffled_numbers,
        'InstanceNumber and position disagree, so the slices of the label can',
    ),
    (frames, '1-011.dcm: it holds 2 frames of 1 channels. Export the series as one grey slice'),
    (no_hounsfield, '1-011.dcm: values from -1024000 to '),
    (
        label_of_other_shape,
        'label0001.nii.gz: the label is (64, 64, 23), its images are (64,',
    ),
    (label_flipped, 'the label does not sit on the organ: flipped in y it fits better (score 5'),
    (label_shifted, 'the label does not sit on the organ: moved by -10 slices it fits better'),
    (label_255, 'label0001.nii.gz: label values must be 0, 1, found 255. Divide it by 255.'),
    (label_empty, 'label0001.nii.gz: the label is empty. Download the labels again.'),
    (label_truncated, 'label0001.nii.gz: the file is no NIfTI volume, or truncated. Download or'),
    (
        label_twice,
        'label0001.nii.gz: there are 2 different labels of this name. Keep the',
    ),
    (no_images, 'the case: it has a label and no images. Download PANCREAS_0001, or remove its la'),
    (no_label, 'the case: it has images and no label. Download label0001.nii.gz, or remove the im'),
]


@pytest.mark.parametrize('damage, message', DRILL, ids=[damage.__name__ for damage, _ in DRILL])
def test_drill(download, prepared, tmp_path, capsys, damage, message):
    damage(download)
    out = tmp_path / 'out'
    assert prepare_download(download.root, out) == 1
    check_refusal(capsys.readouterr().err, out, prepared, message)


def check_refusal(printed: str, out: Path, prepared: Path, message: str) -> None:
    """The first case is refused with the message and leaves no file; the second is whole."""
    line = next(line for line in printed.splitlines() if line.startswith('PANCREAS_0001: '))
    assert message in line
    records = {r['case']: r for r in json.loads((out / 'preparation.json').read_text())['cases']}
    assert message in records['PANCREAS_0001']['error']
    assert 'error' not in records['PANCREAS_0002']
    for name in ('imagesTr/PANCREAS_0002_0000.nii', 'labelsTr/PANCREAS_0002.nii'):
        assert (out / name).read_bytes() == (prepared / name).read_bytes()
        assert [path.name for path in (out / name).parent.iterdir()] == [Path(name).name]
    assert json.loads((out / 'dataset.json').read_text())['numTraining'] == 1


@pytest.mark.skipif(sys.platform != 'linux', reason='/dev/full is a device of Linux')
def test_full_disk(download, prepared, tmp_path, capsys):
    out = tmp_path / 'out'
    for folder in ('.preparing', 'imagesTr'):
        (out / folder).mkdir(parents=True)
    (out / 'imagesTr' / '.PANCREAS_0001_0000.nii.partial').symlink_to('/dev/full')
    assert prepare_download(download.root, out) == 1
    message = 'the case: it cannot be written (No space left on device). Free space, or name'
    check_refusal(capsys.readouterr().err, out, prepared, message)
    assert prepare_download(download.root, out) == 0  # there is space again
    assert (out / 'preparation.json').is_file()


@dataclass(frozen=True)
class DeadlyCase(Case):
    """What a system does that runs out of memory."""

    files = ()

    def load(self):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform == 'win32', reason='no SIGKILL')
def test_a_killed_worker(download, prepared, tmp_path):
    source = find_pancreas_ct(download.root)
    source = replace(source, cases=(DeadlyCase('PANCREAS_0001'), source.cases[1]))
    with Pool(2) as pool:
        report = prepare(source, tmp_path / 'out', pool)
    dead, other = report['cases']
    assert dead['error'].startswith('its process died. Run it again with fewer workers')
    assert dead['case'] == 'PANCREAS_0001' and other['case'] == 'PANCREAS_0002'
    name = 'imagesTr/PANCREAS_0002_0000.nii'
    assert (tmp_path / 'out' / name).read_bytes() == (prepared / name).read_bytes()
    assert [p.name for p in (tmp_path / 'out/imagesTr').iterdir()] == [Path(name).name]


def test_what_cannot_be_replaced(download, tmp_path, capsys):
    out = tmp_path / 'out'
    (out / '.preparing').mkdir(parents=True)
    (out / 'imagesTr' / 'PANCREAS_0001_0000.nii').mkdir(parents=True)
    assert prepare_download(download.root, out) == 1
    assert re.search(r'PANCREAS_0001: the case: it cannot be written', capsys.readouterr().err)
    assert (out / 'labelsTr' / 'PANCREAS_0002.nii').is_file()
    assert not (out / 'labelsTr' / 'PANCREAS_0001.nii').exists()


def test_unwritable_folder(download, tmp_path, capsys):
    (tmp_path / 'file').touch()
    assert prepare_download(download.root, tmp_path / 'file' / 'out') == 1
    assert 'out: Not a directory. Name a folder to write to.' in capsys.readouterr().err


def test_folder_of_something_else(download, tmp_path, capsys):
    (tmp_path / 'thesis').mkdir()
    (tmp_path / 'thesis' / 'chapter1.tex').touch()
    assert prepare_download(download.root, tmp_path / 'thesis') == 1
    assert 'it holds files that are not of a preparation' in capsys.readouterr().err
    assert [path.name for path in (tmp_path / 'thesis').iterdir()] == ['chapter1.tex']


def test_nothing_to_prepare(tmp_path, capsys):
    assert prepare_download(tmp_path, tmp_path / 'out') == 1
    assert 'no CT series and no label was found' in capsys.readouterr().err
    assert prepare_download(tmp_path / 'nowhere', tmp_path / 'out') == 1
    assert 'nowhere is no folder. Name the downloaded one.' in capsys.readouterr().err


def test_a_case_that_is_gone_is_taken_away(download, tmp_path, capsys):
    out = tmp_path / 'out'
    assert prepare_download(download.root, out) == 0
    label_flipped(download)
    assert prepare_download(download.root, out) == 1
    assert [path.name for path in (out / 'imagesTr').iterdir()] == ['PANCREAS_0002_0000.nii']
    no_images(download)
    no_label(download)
    assert prepare_download(download.root, out) == 0
    assert len(json.loads((out / 'preparation.json').read_text())['cases']) == 1
