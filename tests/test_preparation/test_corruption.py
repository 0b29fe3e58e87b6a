"""Whatever is wrong with a case: it is refused by name, the other one is prepared, exit code 1."""

import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from downloads import prepare_download, tree

from lsnet_mm.preparation import Case, find_pancreas_ct, prepare
from lsnet_mm.volumes import Pool


def edit(**values):
    return lambda d: d.edit(10, **values)


def label(change):
    return lambda d: d.edit_label(change)


def duplicated(d):
    shutil.copy(d.files[10], d.files[10].with_name('1-099.dcm'))


def two_series(d):
    for path in d.files:
        data = pydicom.dcmread(path)
        data.SeriesInstanceUID = '1.2.3'
        data.save_as(path.with_name(path.name.replace('1-', '2-')))


def mixed_sizes(d):
    pixels = pydicom.dcmread(d.files[10]).PixelData
    d.edit(10, Rows=32, PixelData=pixels[: len(pixels) // 2])


def tilted(d):
    d.move(range(24), lambda x, y, z: [x, y + 0.2 * z, z])


def uneven(d):
    d.move(range(10, 24), lambda x, y, z: [x, y, z - 1.5])


def shuffled_numbers(d):
    d.edit(10, InstanceNumber=12)
    d.edit(11, InstanceNumber=11)


label_flipped = label(lambda v: v[:, ::-1])
label_shifted = label(lambda v: np.pad(v, ((0, 0), (0, 0), (10, 0)))[..., :-10])


def label_twice(d):
    d.label.with_name('again').mkdir()
    d.label = Path(shutil.copy(d.label, d.label.with_name('again')))
    label_flipped(d)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


#: What is done to the first case, and part of the line that refuses it.
DRILL = {
    'missing slice': (lambda d: d.files[10].unlink(), '1-012.dcm: 1 slice(s) missing between it'),
    'missing slices': (lambda d: [d.files[k].unlink() for k in (10, 11)], '1-013.dcm: 2 slice(s)'),
    'missing at an end': (lambda d: d.files[0].unlink(), 'its image is (64, 64, 23)'),
    'duplicated slice': (duplicated, '1-099.dcm: it is at the same position as 1-011.dcm'),
    'two series': (two_series, 'the case: it has 2 series, of 24 and 24 files'),
    'mixed sizes': (mixed_sizes, '1-011.dcm: its (Rows, Columns) is (32, 64), of most'),
    'tilted stack': (tilted, 'a series of 24 files: the gantry was tilted by 11.3 degrees'),
    'tilted header': (lambda d: d.edit(3, GantryDetectorTilt='-12.5'), 'tilted by 12.5 degrees'),
    'uneven spacing': (uneven, '1-011.dcm: uneven spacing: 7.01 mm from 1-010.dcm, 5.51 mm'),
    'truncated': (lambda d: cut(d.files[10], -1000), '1-011.dcm: the file is truncated'),
    'truncated header': (lambda d: cut(d.files[10], 700), '1-011.dcm: the file has a broken or'),
    'text file': (lambda d: d.files[10].write_text('<html>'), '1-011.dcm: the file is no DICOM'),
    'no pixels': (lambda d: d.edit(10, PixelData=None), '1-011.dcm: the file has no pixel data'),
    'no position': (edit(ImagePositionPatient=None), '1-011.dcm: it has no ImagePositionPatient'),
    'turned': (edit(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]), '1-011.dcm: its ImageOrientation'),
    'other spacing': (edit(PixelSpacing=[0.5, 0.5]), '1-011.dcm: its PixelSpacing is (0.5, 0.5)'),
    'no CT': (lambda d: [d.edit(k, Modality='MR') for k in range(24)], '1-001.dcm: it is a MR'),
    'shuffled numbers': (shuffled_numbers, 'InstanceNumber and position disagree'),
    'frames': (edit(NumberOfFrames='2'), '1-011.dcm: it holds 2 frames of 1 channels'),
    'no HU': (
        lambda d: [d.edit(k, RescaleSlope='1000') for k in range(24)],
        '1-001.dcm: values up to ',
    ),
    'another scale': (edit(RescaleSlope='2'), '1-011.dcm: its RescaleSlope is 2.0, of most'),
    'label of other shape': (
        label(lambda v: v[..., :-1]),
        'label0001.nii.gz: the label is (64, 64',
    ),
    'label flipped': (label_flipped, 'does not sit on the organ: flipped in y it fits better'),
    'label shifted': (label_shifted, 'does not sit on the organ: moved by -10 slices it fits'),
    'label of 255': (
        label(lambda v: 255 * v),
        'label0001.nii.gz: label values must be 0, 1, found',
    ),
    'label empty': (label(np.zeros_like), 'label0001.nii.gz: the label is empty'),
    'label truncated': (lambda d: cut(d.label, -200), 'label0001.nii.gz: the file is no NIfTI'),
    'label twice': (label_twice, 'label0001.nii.gz: there are 2 different labels of this name'),
    'no images': (lambda d: d.remove_images(), 'it has a label and no images. Download PANCREAS_0'),
    'no label': (lambda d: d.label.unlink(), 'it has images and no label. Download label0001.nii'),
}


@pytest.mark.parametrize('damage, message', DRILL.values(), ids=DRILL)
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


@pytest.mark.skipif(sys.platform == 'win32', reason='no limits of files')
def test_full_disk(download, prepared, tmp_path, capsys):
    """The system refuses files as large as an image, but for smaller ones there is space."""
    import resource

    out, before = tmp_path / 'out', resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, before[1]))
    try:
        assert prepare_download(download.root, out) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    message = 'a file cannot be read or written (File too large). Free space'
    assert capsys.readouterr().err.count(message) == 2
    assert not [*(out / 'imagesTr').iterdir(), *(out / 'labelsTr').iterdir()]
    assert prepare_download(download.root, out) == 0  # there is space again
    assert tree(out) == tree(prepared)


def test_two_at_once(download, prepared, tmp_path, capsys):
    """The second one is refused in a sentence, and the first one does not notice it."""
    out, codes = tmp_path / 'out', []
    source = find_pancreas_ct(download.root)

    def load():
        codes.append(prepare_download(download.root, out))
        return source.cases[0].load()

    case = replace(source.cases[0], load=load)
    with Pool(1) as pool:
        prepare(replace(source, cases=(case, source.cases[1])), out, pool)
    assert codes == [2]
    assert 'out is in use by another command. Wait for it, or' in capsys.readouterr().err
    assert tree(out) == tree(prepared)


@pytest.mark.parametrize(
    'damage', ['[]', '{"cases": [3, {"case": 1}, {"case": "x"}]}', 'x', '[' * 9999]
)
def test_a_report_that_was_damaged_by_hand(download, prepared, tmp_path, damage):
    out = shutil.copytree(prepared, tmp_path / 'out')
    (out / 'preparation.json').write_text(damage)
    assert prepare_download(download.root, out) == 0
    assert tree(out) == tree(prepared)


@pytest.mark.parametrize('left', [['.lock'], ['.preparing'], ['.preparing', 'imagesTr']])
def test_what_an_early_kill_leaves_is_ours(download, prepared, tmp_path, left):
    out = tmp_path / 'out'
    out.mkdir()
    for name in left:
        (out / name).touch() if name == '.lock' else (out / name).mkdir()
    if 'imagesTr' in left:
        (out / 'imagesTr' / '.PANCREAS_0001_0000.nii.0123abcd.partial').write_bytes(b'half')
    assert prepare_download(download.root, out) == 0
    assert tree(out) == tree(prepared)


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems refuse such names')
def test_names_that_are_no_text(download, prepared, tmp_path):
    for path in download.files:
        os.rename(path, os.fsencode(path.parent) + b'/Sch\xe4del_' + os.fsencode(path.name))
    assert prepare_download(download.root, tmp_path / 'out') == 0
    name = 'imagesTr/PANCREAS_0001_0000.nii'
    assert (tmp_path / 'out' / name).read_bytes() == (prepared / name).read_bytes()


def run_out_of_memory():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(sys.platform == 'win32', reason='no SIGKILL')
def test_a_killed_worker(download, prepared, tmp_path):
    source = find_pancreas_ct(download.root)
    source = replace(source, cases=(Case('PANCREAS_0001', (), run_out_of_memory), source.cases[1]))
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
    assert 'PANCREAS_0001: a file cannot be read or written' in capsys.readouterr().err
    assert (out / 'labelsTr' / 'PANCREAS_0002.nii').is_file()
    assert not (out / 'labelsTr' / 'PANCREAS_0001.nii').exists()


def test_nothing_can_start(download, tmp_path, capsys):
    (tmp_path / 'file').touch()
    (tmp_path / 'thesis').mkdir()
    (tmp_path / 'thesis' / 'chapter1.tex').touch()
    for source, out, message in (
        (download.root, tmp_path / 'file' / 'out', 'out: Not a directory. Name a folder to write'),
        (download.root, tmp_path / 'thesis', 'thesis holds files that are not of a preparation'),
        (tmp_path / 'thesis', tmp_path / 'out', 'no CT series and no label was found'),
        (tmp_path / 'nowhere', tmp_path / 'out', 'nowhere is no folder. Name the downloaded one.'),
    ):
        assert prepare_download(source, out) == 2
        assert message in capsys.readouterr().err
    assert [path.name for path in (tmp_path / 'thesis').iterdir()] == ['chapter1.tex']


def test_a_case_that_is_gone_is_taken_away(download, tmp_path, capsys):
    out = tmp_path / 'out'
    assert prepare_download(download.root, out) == 0
    label_flipped(download)
    assert prepare_download(download.root, out) == 1
    assert [path.name for path in (out / 'imagesTr').iterdir()] == ['PANCREAS_0002_0000.nii']
    download.remove_images()
    download.label.unlink()
    assert prepare_download(download.root, out) == 0
    assert len(json.loads((out / 'preparation.json').read_text())['cases']) == 1
