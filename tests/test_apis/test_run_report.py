"""The JSON of a whole run: what came in, what became of it, and how it ended; and no names."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
import torch

from lsnet_mm import __version__
from lsnet_mm.apis import LSNetInferencer, command
from lsnet_mm.experiments.phantom import write_download

ROOT = Path(__file__).parents[2]


@pytest.fixture
def patients(tmp_path):
    """Folders of a series each, of three patients, below a folder with a name."""
    root = write_download(tmp_path / 'JANE_DOE', 3, (40, 32, 10), withdrawn=False)
    return sorted({path.parent for path in root.rglob('*.dcm')})


def test_every_input_with_its_state(patients, segment, model, tmp_path, monkeypatch):
    """One is skipped, one segmented, one refused, one fails, and one is none."""
    flag = {'flagged': True, 'reasons': ['It is small.'], 'calibration': None}
    cautions, judged = ('Its spacing is another.',), LSNetInferencer.forward

    def judge(self, *args, **kwargs):
        found = judged(self, *args, **kwargs)
        return [replace(one, confidence=flag, cautions=cautions) for one in found]

    monkeypatch.setattr(LSNetInferencer, 'forward', judge)
    code, _, errors, out = segment(patients[0])
    assert code == 0, errors
    broken = sorted(patients[2].iterdir())[3]
    broken.write_bytes(broken.read_bytes()[:-100])
    big = write_download(tmp_path / 'BIG', 4, (44, 32, 10), withdrawn=False)
    fourth = sorted({path.parent for path in big.rglob('*.dcm')})[3]
    forward = LSNetInferencer.forward

    def no_memory(self, inputs, *args, **kwargs):
        if inputs.voxels.shape[0] == 44:
            raise MemoryError
        return forward(self, inputs, *args, **kwargs)

    monkeypatch.setattr(LSNetInferencer, 'forward', no_memory)
    begin = time.perf_counter()
    inputs = [*patients, fourth, tmp_path / 'DOE_is_not_there']
    code, printed, errors, _ = segment(*inputs, options=['--report', tmp_path / 'r' / 'run.json'])
    assert code == 1
    text = (tmp_path / 'r' / 'run.json').read_text()
    run = json.loads(text)
    assert run['exit_status'] == 1 and run['reason'] is None and run['arguments'] == 5
    assert 0 < run['seconds'] <= time.perf_counter() - begin
    states = ['skipped', 'segmented', 'refused', 'failed']
    assert [one['state'] for one in run['studies']] == states
    assert [one['number'] for one in run['studies']] == [1, 2, 3, 4]
    assert run['totals'] == {'studies': 4} | dict.fromkeys(states, 1)
    skipped, segmented, refused, failed = run['studies']
    files = [['study_001.nii.gz', 'study_001.json'], ['study_002.nii.gz', 'study_002.json'], [], []]
    assert [one['outputs'] for one in run['studies']] == files
    for one in (skipped, segmented):
        record = json.loads((out / f'{one["study"]}.json').read_text())
        for key in ('classes', 'cautions', 'confidence', 'notes', 'seconds'):
            assert one[key] == record[key]
        assert one['error'] is None and one['cautions'] and one['confidence'] == flag
    assert '1-004.dcm: the file is truncated' in refused['error'] and refused['error'] in errors
    assert 'not enough memory' in failed['error'] and failed['place'].startswith('argument 4')
    [message] = run['refused']
    assert message.startswith('argument 5: it is not there') and message in errors
    assert run['model'] == record['model']
    assert run['environment']['lsnet_mm'] == __version__
    assert (
        run['environment']['torch'] == torch.__version__ and run['environment']['device'] == 'cpu'
    )
    settings = run['settings']
    assert settings['batch_size'] == 8 and settings['kinds'] == ['mask'] and not settings['compile']
    data = pydicom.dcmread(next(patients[0].iterdir()))
    secrets = [data.PatientName, data.PatientID, data.StudyInstanceUID, data.StudyDate, tmp_path]
    assert not [one for one in (*secrets, 'DOE', model[1]) if str(one) in text]


def test_all_refused_is_a_report_too(tmp_path, segment):
    report = tmp_path / 'out' / 'run.json'  # where it names no source, it may lie in OUT
    code, _, _, out = segment(tmp_path / 'nothing', options=['--report', report])
    run = json.loads(report.read_text())
    assert code == run['exit_status'] == 2 and run['totals'] == {'studies': 0}
    assert run['refused'] and run['model']['name'] == 'threshold'


NOTHING = {
    'no checkpoint': ([], 'checkpoint not found: [path]'),
    'no device': (['--device', 'cuda:99'], 'device cuda:99: '),
    'no workers': (['--workers', 0], '--workers and --batch-size must be at least 1'),
}


@pytest.mark.parametrize('case', NOTHING)
def test_why_nothing_could_start(patients, segment, model, tmp_path, case):
    options, reason = NOTHING[case]
    weights = tmp_path / 'JANE DOE' / 'x.pth' if case == 'no checkpoint' else model[1]
    options = ['--report', tmp_path / 'run.json', *options]
    code, _, errors, _ = segment(patients[0], options=options, model=(model[0], weights))
    text = (tmp_path / 'run.json').read_text()
    run = json.loads(text)
    assert code == run['exit_status'] == 2 and run['reason'].startswith(reason), run['reason']
    assert run['studies'] == [] and run['model'] is None and run['settings']['dtype'] == 'float32'
    assert 'DOE' not in text and str(tmp_path) not in text


def test_weights_of_ones_own_are_a_path(tmp_path, monkeypatch, patients):
    monkeypatch.chdir(tmp_path)
    report = tmp_path / 'run.json'
    arguments = [patients[0], '-w', 'JANE_DOE/best.pth', '-o', 'out', '--report', report]
    assert command.main([str(argument) for argument in arguments]) == 2
    assert json.loads(report.read_text())['reason'].startswith('checkpoint not found: [path];')
    assert 'DOE' not in report.read_text()


def test_interrupted_between_two_studies(patients, segment, tmp_path, monkeypatch):
    real = command.segment_study

    def interrupt(study, *args):
        if study.name == 'study_002':
            raise KeyboardInterrupt
        return real(study, *args)

    monkeypatch.setattr(command, 'segment_study', interrupt)
    with pytest.raises(KeyboardInterrupt):
        segment(*patients, options=['--report', tmp_path / 'run.json'])
    run = json.loads((tmp_path / 'run.json').read_text())
    assert run['exit_status'] == 130 and run['reason'] == 'it was ended by KeyboardInterrupt'
    assert [one['state'] for one in run['studies']] == ['segmented', 'not reached', 'not reached']


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == 'win32', reason='no such signals')
def test_killed_runs_say_that_they_did_not_end(patients, model, tmp_path):
    report = tmp_path / 'run.json'
    line = [sys.executable, ROOT / 'tools' / 'segment.py', *patients, '-m', *model]
    line += ['-o', tmp_path / 'out', '--device', 'cpu', '--report', report]
    env = {**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests"}'}
    with subprocess.Popen([*map(str, line)], env=env, stderr=subprocess.DEVNULL) as process:
        while not report.exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    run = json.loads(report.read_text())
    assert run['exit_status'] is None and process.returncode == -signal.SIGKILL


def test_ranks_write_their_own(patients, segment, tmp_path, monkeypatch):
    """As under torchrun, one after the other here."""
    monkeypatch.setenv('WORLD_SIZE', '2')
    for rank, name, numbers in ((0, 'run.json', [1, 3]), (1, 'run.rank1.json', [2])):
        monkeypatch.setenv('RANK', str(rank))
        inputs = [*patients, tmp_path / 'nothing']
        segment(*inputs, options=['--report', tmp_path / 'run.json'])
        run = json.loads((tmp_path / name).read_text())
        assert [one['number'] for one in run['studies']] == numbers
        assert (run['process'], run['processes']) == (rank + 1, 2)
        assert len(run['refused']) == 1 - rank


def test_what_is_no_report_is_not_replaced(patients, segment, tmp_path):
    code, _, errors, out = segment(patients[0])
    record = out / 'study_001.json'
    (tmp_path / 'dose.json').write_text('[1]')
    for file in (record, tmp_path / 'dose.json', sorted(patients[0].iterdir())[0]):
        before = file.read_bytes()
        code, _, errors, _ = segment(patients[0], options=['--report', file])
        assert code == 2 and 'is no report of a run. Name another file.' in errors
        assert file.read_bytes() == before
    both = ['--report', tmp_path / 'x', '--names', tmp_path / 'x']
    code, _, errors, _ = segment(patients[0], options=both)
    assert code == 2 and 'Give two files' in errors and not (tmp_path / 'x').exists()
    for _ in range(2):  # one of before is
        code, _, errors, _ = segment(patients[0], options=['--report', tmp_path / 'run.json'])
        assert code == 0, errors


def test_a_place_that_cannot_be_written_to_is_told_at_once(patients, segment, tmp_path):
    (tmp_path / 'file').write_text('')
    code, _, errors, out = segment(
        patients[0], options=['--report', tmp_path / 'file' / 'run.json']
    )
    assert code == 2 and 'Name another file for the report' in errors and not out.exists()


def test_a_report_that_cannot_be_written_at_the_end(patients, segment, tmp_path, monkeypatch):
    """The folder has become a file meanwhile; masks are kept, and the status is not 0."""
    real, folder = command.segment_study, tmp_path / 'r'

    def spoil(*args):
        (folder / 'run.json').unlink()
        folder.rmdir()
        folder.write_text('')
        return real(*args)

    monkeypatch.setattr(command, 'segment_study', spoil)
    code, _, errors, out = segment(patients[0], options=['--report', folder / 'run.json'])
    assert code == 1 and 'run.json: ' in errors and (out / 'study_001.json').exists()
