"""Several studies, started again, shared out, with pictures; and nothing that names a patient."""

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
from threshold_segmentor import write_model

from lsnet_mm.apis.command import main
from lsnet_mm.apis.model import model_identity
from lsnet_mm.apis.study import find_studies
from lsnet_mm.experiments.phantom import write_download

ROOT = Path(__file__).parents[2]
SHAPE = (40, 32, 10)
EVERYTHING = ['--probabilities', '--preview']


@pytest.fixture
def images(tmp_path):
    """Folder with the series of three patients, without labels."""
    root = write_download(tmp_path / 'd', 3, SHAPE, withdrawn=False)
    return next(root.glob('manifest*'))


def names(out):
    return sorted(path.name for path in out.iterdir() if path.name[0] != '.')


def test_a_folder_of_studies_and_again(images, segment):
    code, printed, errors, out = segment(images)
    assert code == 0, errors
    assert names(out) == [f'study_00{k}.{e}' for k in (1, 2, 3) for e in ('json', 'nii.gz')]
    assert '3 of 3 studies are segmented' in printed and 'Not a medical device' in printed
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    (out / 'study_002.json').unlink()
    (out / 'study_002.nii.gz').unlink()
    code, printed, errors, out = segment(images)
    assert code == 0, errors
    assert printed.count('skipped, its outputs are there and of this model') == 2
    changed = {path.name for path in out.iterdir() if path.stat().st_mtime_ns != before.get(path)}
    # Nothing says any more which of them it was, and a number is given once.
    assert changed == {'study_004.json', 'study_004.nii.gz'}
    assert [path.name for path in out.glob('.*')] == []


def test_more_of_the_same_is_made(images, segment):
    """Another kind of output of the same studies and model costs nothing that is there."""
    code, _, errors, out = segment(images)
    masks = {path: path.read_bytes() for path in out.glob('*.nii.gz')}
    code, printed, errors, _ = segment(images, options=['--probabilities'])
    assert code == 0 and len(masks) == 3, errors
    assert len([*out.glob('*_probability.nii.gz')]) == 3
    assert {path: path.read_bytes() for path in masks} == masks


def test_masks_that_lie_among_the_studies(images, model, capsys):
    """They are no studies when the command is started again."""
    arguments = [images, '-m', *model, '-o', images / 'out', '--device', 'cpu', '--preview']
    for _ in range(2):
        assert main([str(argument) for argument in arguments]) == 0
        printed = capsys.readouterr()
        assert '3 of 3 studies' in printed.out and 'no HU' not in printed.err
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.eye(4)), images / 'out' / 'x.nii')
    assert main([str(argument) for argument in arguments]) == 1  # no output of ours


def test_what_is_not_the_same_is_not_skipped(images, segment, model, tmp_path):
    """Nor does it stay: beside a new mask an old probability would pass for this model's."""
    _, _, _, out = segment(images, options=['--probabilities'])
    for option in ('--min-volume=1', '--preview', '--largest-component', '--dtype=bfloat16'):
        code, _, errors, _ = segment(images, options=[option])
        assert code == 2 and errors.count('it exists, and is not what') == 3, option
    os.utime(next(images.rglob('*.dcm')), ns=(1, 1))
    code, printed, errors, _ = segment(images)
    assert code == 1 and errors.count('it exists') == 1 and printed.count('skipped') == 2
    config = tmp_path / 'other.py'
    config.write_text(model[0].read_text() + '\nmore = 1\n')
    code, _, errors, _ = segment(images, model=(config, model[1]))
    assert code == 2 and errors.count('it exists') == 3
    code, _, errors, _ = segment(images, model=(config, model[1]), options=['--overwrite'])
    assert code == 0, errors
    assert json.loads((out / 'study_001.json').read_text())['model']['name'] == 'other'
    assert names(out) == [f'study_00{k}.{e}' for k in (1, 2, 3) for e in ('json', 'nii.gz')]
    (out / 'study_001_probability.nii.gz').write_bytes(b'from elsewhere')
    code, _, errors, _ = segment(images, model=(config, model[1]), options=['--probabilities'])
    assert code == 1 and 'is not what this command would write' in errors


def test_a_model_of_pictures_has_its_window_stated(images, segment, tmp_path):
    """Scans come with it from one window; without it a caution, with another other masks."""
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackLSNetInputs')]
    eight_bits = write_model(tmp_path / 'model', pipeline=pipeline)
    code, printed, errors, out = segment(images, model=eight_bits)
    assert code == 0 and errors.count('which HU were black and white') == 3, errors
    window = ['--window', '-255', '255']
    code, _, errors, _ = segment(images, model=eight_bits, options=window)
    assert code == 2 and errors.count('it exists, and is not what') == 3
    options = [*window, '--overwrite']
    code, printed, errors, _ = segment(images, model=eight_bits, options=options)
    assert code == 0 and 'black and white' not in errors and 'PNG and JPG' not in printed
    record = json.loads((out / 'study_001.json').read_text())
    assert record['model']['window_hu'] == [-255, 255]
    mask = nib.load(out / 'study_001.nii.gz').get_fdata()
    hu = find_studies([images]).studies[0].load()
    np.testing.assert_array_equal(mask, hu.voxels >= 0)


def test_a_stated_window_goes_before_that_of_the_checkpoint(images, segment, tmp_path):
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackLSNetInputs')]
    config, checkpoint = write_model(tmp_path / 'model', pipeline=pipeline)
    content = torch.load(checkpoint, weights_only=True)
    card = dict(window=[0, 255], synthetic=None, spacing=None, field_of_view=None)
    content['meta']['trained_on'] = card | dict(look=dict(body=None))
    torch.save(content, checkpoint)
    options = ['--window', '-255', '255', '--workers', '2']
    code, printed, errors, out = segment(images, model=(config, checkpoint), options=options)
    assert code == 0 and 'PNG and JPG' not in printed
    assert errors.count('with a window of 0 to 255 HU, and is given -255 to 255 HU') == 3
    mask = nib.load(out / 'study_001.nii.gz').get_fdata()
    hu = find_studies([images]).studies[0].load()
    np.testing.assert_array_equal(mask, hu.voxels >= 0)
    code, printed, errors, _ = segment(images, model=(config, checkpoint), options=options)
    assert code == 0 and printed.count('skipped') == 3


def test_how_nets_compute_is_part_of_the_model(model):
    plain, other = model_identity(*model), model_identity(*model, dtype='bfloat16', compile=True)
    assert other == plain | {'dtype': 'bfloat16', 'compile': True}


@pytest.mark.parametrize('options, message', [
    (['--device', 'cuda:99'], 'device cuda:99: '), (['--compile'], 'has none of backbone'),
    (['--workers', 0], 'must be at least'), (['--batch-size', 0], 'must be at least'),
    (['--min-volume', -1], 'must be at least'),
])  # fmt: skip
def test_bad_options(images, model, tmp_path, capsys, options, message):
    arguments = [images, '-m', *model, '-o', tmp_path / 'out', '--device', 'cpu', *options]
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as error:  # argparse's way
        code = error.code
    assert code in (1, 2) and message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_record_and_preview_show_what_the_net_saw_front_up(images, segment, pictures):
    folder = sorted({path.parent for path in images.rglob('*.dcm')})[0]
    code, _, errors, out = segment(folder, options=['--preview', '--min-volume', '0.0001'])
    assert code == 0, errors
    record = json.loads((out / 'study_001.json').read_text())
    assert record['tidy_up'] == {'largest_component': False, 'min_volume_ml': 0.0001}
    assert record['shape'] == list(SHAPE) and record['orientation'] == 'LAI'
    assert set(record['seconds']) == {'read', 'predict', 'pack'}
    assert record['model']['name'] == 'threshold' and len(record['model']['config_sha256']) == 64
    assert record['files'] == [f'study_001.{e}' for e in ('html', 'nii.gz', 'png')]
    found = nib.load(out / 'study_001.nii.gz').get_fdata()
    assert record['classes']['pancreas']['slices'] == found.any(axis=(0, 1)).sum()
    assert record['boxes'] and record['notice'] == 'Not a medical device.'
    volume, mask, boxes, spacing = pictures['page']
    assert mask.dtype == np.uint8 and volume.shape == mask.shape == SHAPE[::-1]
    hu = pydicom.dcmread(folder / '1-004.dcm').pixel_array[::-1]  # its first row is at the back
    np.testing.assert_array_equal(volume[3], hu)
    np.testing.assert_array_equal(mask[3], hu > 70)
    rows, columns = np.nonzero(mask[3])
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert boxes[3].tolist() == [edges] and len(boxes) == SHAPE[2]
    data = pydicom.dcmread(folder / '1-001.dcm')
    assert spacing[:2] == pytest.approx([float(s) for s in data.PixelSpacing])
    options = pictures['options']
    assert options['heatmaps'].shape == (10, 8, 10)
    assert (options['title'], options['classes']) == ('study_001', ('pancreas',))
    low, high = options['window']
    assert pictures['montage'][3] == (low, high) and 255 / (high - low) == pytest.approx(0.75)
    about = options['about']
    assert (about['model'], about['version']) == ('threshold', record['model']['lsnet_mm'])
    assert {key: about[key] for key in ('cautions', 'confidence', 'notes')} == {
        key: record[key] for key in ('cautions', 'confidence', 'notes')
    }
    assert (out / 'study_001.png').read_bytes() == b'\x89PNG'


def test_nothing_names_a_patient(images, tmp_path, segment):
    """Of the DICOM files: every name, number, date and UID; of the disk: every folder."""
    jane = tmp_path / 'JANE_DOE'
    images.rename(jane)
    for path in [*jane.rglob('*.dcm')]:
        path.rename(path.with_name(f'DOE-{path.name}'))
    code, printed, errors, out = segment(jane, options=EVERYTHING)
    assert code == 0, errors
    # With a sign each that pictures in Base64 have not, in which four letters turn up by chance.
    secrets = {'JANE_', '_DOE', 'DOE-', 'FICTITIOUS', 'HOSPITAL', 'PANCREAS_0', str(tmp_path)}
    for path in jane.rglob('*.dcm'):
        data = pydicom.dcmread(path)
        for element in data.iterall():
            if element.VR in ('PN', 'UI', 'DA', 'TM') or 'ID' in element.keyword:
                secrets.add(str(element.value))
    secrets = {text for text in secrets if len(text) > 2} - {'Pancreas'}
    assert '20151124' in secrets and len(secrets) > 40
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    packed = [name for name in written if name.endswith('.gz')]
    written |= {f'{name} unpacked': nib.load(out / name).to_bytes() for name in packed}
    written['printed'] = (printed + errors).replace(str(out), '').encode()
    assert len(written) == 3 * (5 + 2) + 1
    for name, content in written.items():
        found = [text for text in secrets if text.encode() in content or text in name]
        assert not found, (name, found)


def test_names_of_nifti_files(tmp_path):
    for name in ('img0007.nii', 'jane.nii.gz', 'img0007.nii.gz', 'PANCREAS_0003_0000.nii.gz'):
        (tmp_path / name).write_bytes(b'')
    found = find_studies([tmp_path])
    by_file = {study.source.name: study.name for study in found.studies}
    assert by_file.pop('jane.nii.gz') == 'study_004'
    assert by_file.pop('PANCREAS_0003_0000.nii.gz') == 'PANCREAS_0003_0000'
    assert sorted(by_file.values()) == ['img0007', 'study_003']
    assert not any('jane' in study.place for study in found.studies)


def test_ranks_share_the_studies(images, model, tmp_path, monkeypatch, capsys):
    """As under torchrun, one after the other here."""
    out = tmp_path / 'out'
    arguments = [str(a) for a in (images, '-m', *model, '-o', out, '--device', 'cpu')]
    monkeypatch.setenv('WORLD_SIZE', '2')
    for rank, expected in ((0, [1, 3]), (1, [1, 2, 3])):
        monkeypatch.setenv('RANK', str(rank))
        assert main(arguments) == 0
        assert names(out) == [f'study_00{k}.{e}' for k in expected for e in ('json', 'nii.gz')]
    assert not [*out.glob('.*')]
    assert '1 of 1 studies' in capsys.readouterr().out


@pytest.mark.slow
def test_workers(images, model, tmp_path):
    """Processes of their own write the same bytes."""
    folders = sorted({path.parent for path in images.rglob('*.dcm')})
    broken = sorted(folders[1].iterdir())[3]
    broken.write_bytes(broken.read_bytes()[:-100])
    env = {**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}', 'OMP_NUM_THREADS': '1'}
    for workers in (1, 2):
        command = [sys.executable, '-W', 'ignore', ROOT / 'tools' / 'segment.py', images]
        command += ['-m', *model, '-o', tmp_path / f'out{workers}', '--workers', workers]
        command += ['--device', 'cpu', '--probabilities']
        done = subprocess.run([str(c) for c in command], env=env, capture_output=True, text=True)
        assert done.returncode == 1
        assert re.search(r'study_002 .*1-004.dcm: the file is truncated', done.stderr), done.stderr
    one, two = (
        {p.name: p.read_bytes() for p in (tmp_path / f'out{k}').glob('*.gz')} for k in (1, 2)
    )
    assert one == two and len(one) == 4
