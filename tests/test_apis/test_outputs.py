"""Outputs are whole, of one study, and keep their names: beside others, killed, on full disks."""

import csv
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch

from lsnet_mm.apis.command import main
from lsnet_mm.apis.names import give_back, name_studies
from lsnet_mm.apis.study import find_studies
from lsnet_mm.experiments.phantom import write_download

SHAPE = (40, 32, 10)
OTHER = ['--overwrite', '--min-volume', '0.001']
#: How often two commands meet; a release is tested with 100.
PAIRS = int(os.environ.get('LSNET_MM_PAIRS', 8))
unix = pytest.mark.skipif(sys.platform == 'win32', reason='no forks and limits')


@pytest.fixture
def patients(tmp_path):
    """Folder of a series each, of three patients."""
    root = write_download(tmp_path / 'd', 3, SHAPE, withdrawn=False)
    return sorted({path.parent for path in root.rglob('*.dcm')})


def contents(out):
    """Of all files, without how long it took."""
    found = {path.name: path.read_bytes() for path in out.iterdir()} if out.is_dir() else {}
    records = {name: json.loads(data) for name, data in found.items() if name.endswith('.json')}
    return found | {
        name: {key: value for key, value in record.items() if key != 'seconds'}
        for name, record in records.items()
    }


def scans(out):
    return {path.stem: json.loads(path.read_text())['scan'] for path in sorted(out.glob('*.json'))}


def test_studies_keep_their_names(patients, segment, tmp_path, capsys):
    inbox, files = tmp_path / 'inbox', [tmp_path / 'list1.csv', tmp_path / 'list2.csv']
    for k in (1, 2):
        shutil.copytree(patients[k], inbox / f'B{k}')
    code, _, errors, out = segment(inbox, options=['--names', files[0]])
    before = contents(out)
    shutil.copytree(patients[0], inbox / 'A')  # the first one, by patient and by folder
    for options in (['--names', files[1]], ['--overwrite']):
        code, _, errors, _ = segment(inbox, options=options)
        assert code == 0, errors
        after = contents(out)
        assert before.items() <= after.items() and len(after) == 6
    table = {row['study']: row for row in csv.DictReader(files[1].open())}
    assert {name: Path(row['path']).name for name, row in table.items()} == {
        'study_001': 'B1', 'study_002': 'B2', 'study_003': 'A'
    }  # fmt: skip
    first = pydicom.dcmread(next((inbox / 'A').iterdir()))
    assert table['study_003']['series'] == first.SeriesInstanceUID
    assert set(csv.DictReader(files[0].open()).fieldnames) == {'study', 'path', 'series'}
    with pytest.raises(SystemExit):  # OUT may be shared
        segment(inbox, options=['--names', out / '..' / 'out' / 'list.csv'])
    assert 'which may be shared. Name another' in capsys.readouterr().err
    assert len(contents(out)) == 6


def test_a_copied_and_a_corrected_series_keep_their_name(patients, segment):
    """The name stays, and nothing of before is taken for it."""
    code, _, _, out = segment(*patients)
    names = scans(out)
    for path in patients[1].iterdir():
        os.utime(path, ns=(5, 5))
    code, printed, errors, _ = segment(*patients)
    assert code == 1 and 'study_002.nii.gz: it exists, and is not what' in errors
    code, printed, errors, _ = segment(*patients, options=['--overwrite'])
    assert code == 0 and printed.count('skipped') == 2 and scans(out) == names


def test_two_patients_whose_files_look_alike(segment, tmp_path):
    """The same names, sizes and times: an anonymiser's."""
    for k in (1, 2):
        voxels = np.full((16, 16, 8), -90, np.int16)
        voxels[4 * k, 4:12, 4] = 100
        (tmp_path / f'{k}').mkdir()
        nib.save(nib.Nifti1Image(voxels, np.diag([2, 2, 2, 1])), tmp_path / f'{k}' / 'scan.nii')
        os.utime(tmp_path / f'{k}' / 'scan.nii', ns=(1, 1))
    for k in (1, 2):
        code, printed, errors, out = segment(tmp_path / f'{k}')
        assert code == 0 and f'study_00{k} ' in printed, errors
        assert nib.load(out / f'study_00{k}.nii.gz').get_fdata()[4 * k, 4, 4] == 1


@pytest.mark.parametrize(
    'text', ['', '{}', '[]', '[' * 100_000, '{"study": "study_001", "scan": 1}']
)
def test_a_record_that_was_damaged_by_hand(patients, segment, text):
    """It may be anybody's: its files stay as they are, and its name is not given again."""
    code, _, _, out = segment(patients[0])
    (out / 'study_001.json').write_text(text)
    mask = (out / 'study_001.nii.gz').read_bytes()
    code, _, errors, _ = segment(patients[1], options=['--overwrite'])
    assert code == 0, errors
    assert (out / 'study_001.nii.gz').read_bytes() == mask
    assert (out / 'study_001.json').read_text() == text and [*out.glob('study_002.json')]


def test_names_of_runs_that_are_not_finished(patients, tmp_path):
    out, studies = tmp_path / 'out', [find_studies([folder]).studies[0] for folder in patients]
    names = [name_studies([study], out)[0].name for study in studies]
    assert names == ['study_001', 'study_002', 'study_003']
    assert name_studies(studies[::-1], out)[0].name == 'study_003'
    give_back(name_studies(studies[:2], out), out)
    assert name_studies(studies[:1], out)[0].name == 'study_004'
    (out / '.started.json').write_text('{"study_007": 3, "study_008": "x"}')
    assert name_studies(studies[:1], out)[0].name == 'study_009'


@unix
@pytest.mark.parametrize('options', [[], OTHER], ids=['new', 'overwrite'])
def test_killed_at_every_step(patients, segment, model, tmp_path, options):
    """Of the writing: what has a record is whole, and the next run redoes the rest."""
    code, _, _, start = segment(patients[0], options=['--probabilities'])
    old = contents(start) if options else {}
    shutil.rmtree(start)
    code, _, _, out = segment(patients[0], options=options)
    new = contents(out)
    context, steps = multiprocessing.get_context('fork'), 0
    while True:
        shutil.rmtree(out)
        if options:
            segment(patients[0], options=['--probabilities'])
        arguments = [patients[0], '-m', *model, '-o', out, '--device', 'cpu', *options]
        run = context.Process(target=killed, args=(steps, [str(a) for a in arguments]))
        run.start()
        run.join()
        found = contents(out)
        if 'study_001.json' in found:
            whole = {name: data for name, data in found.items() if name[0] != '.'}
            assert whole in (old, new)
        code, _, errors, _ = segment(patients[0], options=options)
        assert code == 0, errors
        assert contents(out) == new
        if run.exitcode == 0:
            break
        assert run.exitcode == 9
        steps += 1
    print(f'{steps} kills')
    assert steps > 10


def killed(steps: int, arguments: list[str]) -> None:
    """Run the command, but die at a call of the system that changes the disk."""
    torch.set_num_threads(1)
    left = [steps]

    def deadly(call):
        def wrapper(*args, **kwargs):
            if not left[0]:
                os._exit(9)
            left[0] -= 1
            return call(*args, **kwargs)

        return wrapper

    for name in ('replace', 'unlink', 'fsync', 'mkdir'):
        setattr(os, name, deadly(getattr(os, name)))
    os._exit(main(arguments))


@unix
def test_what_cannot_be_written_costs_nothing(patients, segment):
    """Files as large as the record cannot be written, but the mask can."""
    resource = pytest.importorskip('resource')
    code, _, _, out = segment(patients[0])
    old, sizes = contents(out), {p.suffix: p.stat().st_size for p in out.iterdir()}
    assert sizes['.gz'] < 1000 < sizes['.json']
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        code, _, errors, _ = segment(*patients[:2], options=OTHER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code == 2
    assert errors.count('cannot be written (File too large). Free space, or name a folder') == 2
    assert contents(out) == old


@pytest.fixture
def full_disk(tmp_path):
    """``out`` on a disk of its own, and a function that fills this up."""
    (tmp_path / 'out').mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', str(tmp_path / 'out')]
    if not shutil.which('mount') or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip('no tmpfs can be mounted here')

    def fill():
        with (tmp_path / 'out' / 'filler').open('wb', buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    yield fill
    subprocess.run(['umount', str(tmp_path / 'out')], check=True)


def test_full_disk(patients, segment, full_disk):
    code, _, _, out = segment(patients[0])
    old = contents(out)
    full_disk()
    code, _, errors, _ = segment(patients[0], options=OTHER)
    assert code == 2 and 'No space left on device' in errors
    (out / 'filler').unlink()
    assert contents(out) == old
    code, _, errors, _ = segment(patients[0], options=OTHER)
    assert code == 0 and contents(out).keys() == old.keys() and contents(out) != old


def meet(barrier, commands: list[list[str]], codes) -> None:
    for command in commands:
        barrier.wait()
        codes.put(main(command))


@pytest.mark.slow
@pytest.mark.parametrize('same', [False, True], ids=['two patients', 'one patient'])
def test_two_commands_at_once(patients, model, tmp_path, same):
    """Neither is lost, and no file is of the other."""
    context = multiprocessing.get_context('spawn')
    barrier, codes = context.Barrier(2), context.Queue()
    outs = [tmp_path / f'out{k}' for k in range(PAIRS)]
    running = []
    for folder in (patients[0], patients[0 if same else 1]):
        tail = ['-m', *model, '--device', 'cpu', '--probabilities']
        commands = [[str(a) for a in (folder, *tail, '-o', out)] for out in outs]
        running.append(context.Process(target=meet, args=(barrier, commands, codes)))
        running[-1].start()
    for one in running:
        one.join()
    assert [codes.get() for _ in range(2 * PAIRS)] == [0] * 2 * PAIRS
    expected = []
    for k, folder in enumerate(patients[: 1 if same else 2]):
        main([str(a) for a in (folder, *tail, '-o', tmp_path / f'alone{k}')])
        found = contents(tmp_path / f'alone{k}')
        expected.append({name[9:]: data for name, data in found.items()})
    for out in outs:
        found = contents(out)
        assert len(found) == 3 * len(expected)
        for name in scans(out):
            one = {file[9:]: data for file, data in found.items() if file.startswith(name)}
            one['.json'] |= {'study': 'study_001'}
            one['.json']['files'] = [f'study_001{file[9:]}' for file in one['.json']['files']]
            assert one in expected
    print(f'{PAIRS} pairs')


@pytest.mark.skipif(sys.platform != 'linux', reason='other systems refuse such names')
def test_names_that_are_no_text(patients, segment, tmp_path):
    for path in patients[0].iterdir():
        os.rename(path, os.fsencode(path.parent) + b'/Sch\xe4del_' + os.fsencode(path.name))
    inbox = Path(os.fsdecode(os.fsencode(tmp_path) + b'/M\xfcller'))
    patients[0].rename(inbox)
    code, printed, errors, out = segment(inbox, options=['--names', tmp_path / 'list.csv'])
    assert code == 0, errors
    assert b'/M\xfcller,' in (tmp_path / 'list.csv').read_bytes()
    assert b'ller' not in (printed + errors).encode()
