"""Phantoms through DICOM and back: exact, in every layout, whole after every kill, and private."""

import json
import multiprocessing
import os
import random
import shutil
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from downloads import prepare_download, tree
from helpers import run_script

from lsnet_mm.datasets import PancreasCTDataset
from lsnet_mm.experiments.phantom import downloaded_case, write_download
from lsnet_mm.preparation.pancreas_ct import pancreas_folds

SHAPE = (48, 40, 12)
LAYOUTS = [
    (layout, order, 'doubled' if layout == 'doi' else 'plain')
    for layout in ('nbia', 'doi', 'bare')
    for order in ('ascending', 'descending')
]
#: Of the set whose preparation is killed, and how often; a release is tested with 20.
CASES = 6
KILLS = int(os.environ.get('LSNET_MM_KILLS', 4))


@pytest.mark.parametrize('layout, order, labels', LAYOUTS)
def test_round_trip_is_exact(tmp_path, layout, order, labels):
    """The oracle is the phantom itself, and nibabel reads what was written."""
    arguments = dict(layout=layout, slice_order=order, label_folder=labels)
    write_download(tmp_path / 'download', 2, SHAPE, seed=3, **arguments)
    assert prepare_download(tmp_path / 'download', tmp_path / 'out') == 0
    for number in (1, 2):
        volume, label, spacing = downloaded_case(3, number, SHAPE, order)
        if order == 'descending':  # sorted by position, the slices come from head to feet
            volume, label = volume[..., ::-1], label[..., ::-1]
        image = nib.load(tmp_path / f'out/imagesTr/PANCREAS_{number:04d}_0000.nii')
        mask = nib.load(tmp_path / f'out/labelsTr/PANCREAS_{number:04d}.nii')
        np.testing.assert_array_equal(np.asanyarray(image.dataobj), volume)
        np.testing.assert_array_equal(np.asanyarray(mask.dataobj), label)
        assert (image.get_data_dtype(), mask.get_data_dtype()) == (np.int16, np.uint8)
        np.testing.assert_allclose(image.header.get_zooms(), spacing, rtol=1e-6)
        np.testing.assert_array_equal(image.affine, mask.affine)
        assert nib.aff2axcodes(image.affine) == ('L', 'A', 'I')


def test_dataset_reads_it(prepared):
    dataset = PancreasCTDataset(data_root=str(prepared), split='all', slices='foreground')
    assert dataset.name == 'phantom'  # never to be filed as Pancreas-CT
    slices = [dataset.get_data_info(k) for k in range(len(dataset))]
    found = [(info['case'], info['slice_index']) for info in slices]
    labels = {n: downloaded_case(0, n, (64, 64, 24))[1] for n in (1, 2)}
    expected = [
        (f'PANCREAS_{n:04d}', k) for n, label in labels.items() for k in range(24)
        if label[..., k].any()
    ]  # fmt: skip
    assert found == expected
    folds = json.loads((prepared / 'splits_final.json').read_text())
    assert folds == [
        {'train': ['PANCREAS_0002'], 'val': ['PANCREAS_0001']},
        {'train': ['PANCREAS_0001'], 'val': ['PANCREAS_0002']},
    ]


def test_report(prepared):
    report = json.loads((prepared / 'preparation.json').read_text())
    assert report['notes'] == [f'case {n} was withdrawn by TCIA and is left out' for n in (25, 70)]
    volume, label, spacing = downloaded_case(0, 1, (64, 64, 24))
    record = report['cases'][0]
    assert record['shape'] == [64, 64, 24] and record['orientation'] == 'LAI'
    assert record['hu'] == [volume.min(), volume.max()]
    assert record['label_slices'] == label.any(axis=(0, 1)).sum()
    assert record['label_ml'] == pytest.approx(label.sum() * np.prod(spacing) / 1000, abs=0.06)
    assert record['sheet_slice'] == label.sum(axis=(0, 1)).argmax()
    assert record['margin'] > 20


def test_contact_sheet_outlines_the_label(prepared):
    import cv2

    sheet = cv2.imread(str(prepared / 'contact_sheet.png'))
    assert sheet.shape == (278, 520, 3)
    outline = (sheet == (150, 200, 0)).all(axis=2)
    record = json.loads((prepared / 'preparation.json').read_text())['cases'][0]
    label = downloaded_case(0, 1, (64, 64, 24))[1][..., record['sheet_slice']].T[::-1]  # front up
    rows, columns = np.nonzero(outline[18:274, :256])
    found = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
    rows, columns = np.nonzero(label)
    edges = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1]
    np.testing.assert_allclose(found, 4 * np.array(edges), atol=1)


def test_second_run_changes_nothing(pristine, prepared, tmp_path):
    out = shutil.copytree(prepared, tmp_path / 'out')
    volumes = [path for path in out.rglob('*.nii') if path.is_file()]
    before = [path.stat().st_mtime_ns for path in volumes]
    assert prepare_download(pristine, out) == 0
    assert [path.stat().st_mtime_ns for path in volumes] == before
    assert tree(out) == tree(prepared)


def test_workers_change_nothing(pristine, prepared, tmp_path):
    done = run_script('prepare_pancreas_ct.py', pristine, 'out', '--workers', 2, cwd=tmp_path)
    assert '2 of 2 cases are prepared' in done
    assert tree(tmp_path / 'out') == tree(prepared)


def test_a_changed_source_is_converted_again(download, prepared, tmp_path):
    out = tmp_path / 'out'
    assert prepare_download(download.root, out) == 0
    pixels = pydicom.dcmread(download.files[0]).pixel_array + 1
    download.edit(0, PixelData=pixels.astype('<i2').tobytes())
    assert prepare_download(download.root, out) == 0
    name = 'imagesTr/PANCREAS_0001_0000.nii'
    written = np.asanyarray(nib.load(out / name).dataobj)
    expected = np.array(nib.load(prepared / name).dataobj)
    expected[..., 0] += 1
    np.testing.assert_array_equal(written, expected)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'win32', reason='needs fork')
def test_killed_and_started_again(tmp_path):
    """Wherever it is killed, the finished data set is byte for byte that of an undisturbed run."""
    download = write_download(tmp_path / 'download', CASES, (64, 64, 24))
    context = multiprocessing.get_context('fork')

    def start(out: Path) -> multiprocessing.Process:
        """The run, when it has begun to convert."""
        run = context.Process(target=prepare_download, args=(download, out))
        run.start()
        while run.is_alive() and not (out / '.preparing').is_dir():
            time.sleep(0.001)
        return run

    run, begun = start(tmp_path / 'undisturbed'), time.monotonic()
    while not (tmp_path / 'undisturbed' / 'dataset.json').is_file():
        time.sleep(0.001)
    span = time.monotonic() - begun
    run.join()
    expected = tree(tmp_path / 'undisturbed')

    moments, cases = random.Random(0), []
    for kill in range(KILLS):
        out = tmp_path / f'killed{kill}'
        run, finished = start(out), moments.randrange(CASES + 1)
        while len(list((out / 'imagesTr').glob('P*'))) < finished:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, span / CASES))
        run.kill()
        run.join()
        found = tree(out)
        images = [name for name in found if name.startswith('imagesTr/P')]
        cases.append(len(images))
        for name in images:  # what is there is whole
            label = name.replace('imagesTr', 'labelsTr').replace('_0000', '')
            assert (found[name], found[label]) == (expected[name], expected[label])
        again = start(out)
        again.join()
        assert again.exitcode == 0 and tree(out) == expected
        shutil.rmtree(out)
    print(f'{KILLS} kills within {span:.2f} s, when {cases} cases were finished')


@pytest.mark.parametrize('name', ['dataset.json', 'splits_final.json', 'contact_sheet.png'])
def test_killed_while_a_file_of_the_whole_set_was_written(pristine, prepared, tmp_path, name):
    out = tmp_path / 'out'
    shutil.copytree(prepared, out)
    (out / name).rename(out / f'.{name}.0123abcd.partial')
    (out / '.preparing').mkdir()
    assert prepare_download(pristine, out) == 0
    assert tree(out) == tree(prepared)


def test_no_private_data(tmp_path, capsys):
    """Nothing that the headers say of a patient, nor a UID, comes out; refused cases included."""
    for layout in ('nbia', 'doi', 'bare'):
        root = write_download(tmp_path / layout, 3, SHAPE, layout=layout)
        files = sorted(root.rglob('*.dcm'))
        secrets = {b'1.2.826', b'FICTITIOUS', b'FICT0', b'165447'}
        for path in files:
            data = pydicom.dcmread(path)
            for keyword in ('StudyDate', 'StudyTime', 'PatientBirthDate', 'AccessionNumber'):
                secrets.add(str(data[keyword].value).encode())
        files[5].write_bytes(files[5].read_bytes()[:-100])  # its name is told
        files[-1].unlink()
        out = tmp_path / f'{layout}_out'
        assert prepare_download(root, out) == 1
        printed = ''.join(capsys.readouterr()).replace(str(tmp_path), '').encode()
        for content in (printed, *tree(out).values(), *map(str.encode, tree(out))):
            assert not [secret for secret in secrets if secret in content]


def test_pinned_folds():
    cases = [f'PANCREAS_{n:04d}' for n in range(1, 83) if n not in (25, 70)]
    origin, folds = pancreas_folds(cases)
    assert origin.startswith('pinned')
    blocks = [[int(case[-4:]) for case in fold['val']] for fold in folds]
    assert [len(block) for block in blocks] == [20, 20, 20, 20]
    assert [(block[0], block[-1]) for block in blocks] == [(1, 20), (21, 41), (42, 61), (62, 82)]
    assert all(sorted(fold['train'] + fold['val']) == cases for fold in folds)
    for other in (cases[20:], [*cases, 'PANCREAS_0083'], []):
        assert pancreas_folds(other)[0].startswith('contiguous')


def test_links_are_followed(tmp_path):
    """Of images and of labels, as on clusters, where data lie on another disk."""
    store = write_download(tmp_path / 'store', 2, SHAPE, withdrawn=False)
    prepare_download(store, tmp_path / 'plain')
    (tmp_path / 'download').mkdir()
    for path in store.iterdir():
        (tmp_path / 'download' / path.name).symlink_to(path)
    assert prepare_download(tmp_path / 'download', tmp_path / 'out') == 0
    assert tree(tmp_path / 'out') == tree(tmp_path / 'plain')
