"""One series of a visit, chosen and told, or others by number."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import generate_uid

from lsnet_mm.apis.command import main

SECRET = 'JANE DOE 19520229'


@pytest.fixture
def visit(study):
    """A visit's folder: a soft kernel, a sharp one with a part of the text, a scout."""
    original = next(study.rglob('*.dcm')).parent
    scout = dict(ImageType=['ORIGINAL', 'PRIMARY', 'LOCALIZER'])
    for name, number, elements in (
        ('bone', 1, dict(ConvolutionKernel='B70f')),
        ('odd', 2, dict(ConvolutionKernel=SECRET, SeriesDescription=f'{SECRET} lung')),
        ('scout', 3, scout),
    ):
        shutil.copytree(original, original.with_name(name))
        uid = generate_uid()
        for path in original.with_name(name).iterdir():
            data = pydicom.dcmread(path)
            data.SeriesInstanceUID, data.SOPInstanceUID = uid, generate_uid()
            data.SeriesNumber = number
            for keyword, value in elements.items():
                setattr(data, keyword, value)
            data.save_as(path)
    shutil.rmtree(study / 'TCIA_pancreas_labels-02-05-2017', ignore_errors=True)
    for path in study.rglob('*.nii.gz'):
        path.unlink()
    return study


def records(out):
    return [json.loads(path.read_text())['series'] for path in sorted(out.glob('[!.]*.json'))]


def test_one_is_chosen_and_the_others_are_told(visit, segment):
    code, printed, errors, out = segment(visit)
    assert code == 0, errors
    [record] = records(out)
    assert {key: record[key] for key in ('number', 'of', 'reason')} == {
        'number': 4, 'of': 4, 'reason': 'chosen by being a volume, kernel'
    }  # fmt: skip
    assert [one['number'] for one in record['others']] == [1, 2, 3]
    assert record['others'][0]['reason'] == 'a sharp kernel (B70f), as for bone or lung'
    assert 'it is a localizer, no CT slice' in record['others'][2]['reason']
    assert 'series 4 of 4 (chosen by' in printed and '--series N takes another' in printed
    others = 'series 1 (a sharp kernel (B70f), as for bone or lung), series 2 ('
    assert f'; 20 x CT slice left out: {others}' in printed
    assert 'note: argument 1: 10 x localizer left out' in printed
    assert SECRET not in printed + errors + json.dumps(record)


@pytest.mark.parametrize('options, numbers', [
    (['--series', '2'], [2]), (['--series', '1,4'], [1, 4]), (['--series', 'all'], [1, 2, 4])
])  # fmt: skip
def test_by_number(visit, segment, options, numbers):
    code, _, errors, out = segment(visit, options=options)
    assert code == 0, errors
    assert [record['number'] for record in records(out)] == numbers
    assert {record['reason'] for record in records(out)} == {'asked for'}


@pytest.mark.parametrize('number, message', [
    (7, 'there is no series 7, it holds 4. See their numbers with lsnet-segment --list.'),
    (3, 'it is a localizer, no CT slice. Choose a CT series.'),
])  # fmt: skip
def test_a_number_that_is_none(visit, segment, number, message):
    code, _, errors, out = segment(visit, options=['--series', number])
    assert code == 2 and message in errors
    assert not [*out.glob('*.json')]


def test_list_needs_no_model_and_no_torch(visit):
    code = 'import sys; from lsnet_mm.apis.arguments import main; code = main()\n'
    code += 'assert "torch" not in sys.modules; sys.exit(code)'
    done = subprocess.run(
        [sys.executable, '-c', code, '--list', visit], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = [row.split('│')[2:-1] for row in done.stdout.splitlines() if row.startswith('│')]
    rows = [[cell.strip() for cell in row] for row in rows if row[0].strip()]
    data = pydicom.dcmread(next(visit.rglob('bone/1-001.dcm')))
    after = pydicom.dcmread(next(visit.rglob('bone/1-002.dcm')))
    step = abs(after.ImagePositionPatient[2] - data.ImagePositionPatient[2])
    assert [row[:4] for row in rows] == [
        ['1', 'CT', 'axial original', '10'],
        ['2', 'CT', 'axial original', '10'],
        ['3', 'CT', 'localizer', '10'],
        ['4', 'CT', 'axial original', '10'],
    ]
    assert rows[0][4] == f'{step:.4g} mm' and [row[5] for row in rows] == ['B70f', '', '', '']
    assert [row[6][:3] for row in rows] == ['no:', 'no:', 'no:', 'yes']
    assert 'thickness' not in done.stdout and 'contrast' not in done.stdout  # nothing says them
    for text in (SECRET, 'JANE', '1952', str(data.SeriesInstanceUID), str(visit)):
        assert text not in done.stdout + done.stderr


def test_what_will_be_refused_is_told_before(study, capsys):
    folder = next(study.rglob('*.dcm')).parent
    for path in [*folder.iterdir()][1:]:
        path.unlink()
    [path] = folder.iterdir()
    data = pydicom.dcmread(path)
    data.SliceThickness = 0
    data.save_as(path)
    assert main(['--list', str(folder)]) == 2
    words = ' '.join(capsys.readouterr().out.replace('│', ' ').split())
    assert 'no: its SliceThickness is 0' in words


def test_the_list_of_before_is_told_of_its_new_name(visit, model, tmp_path, capsys):
    old = [visit, '-m', *model, '-o', tmp_path / 'out', '--list', tmp_path / 'list.csv']
    assert main([str(word) for word in old]) == 1
    assert 'use --names FILE' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(visit)])
    assert '-o/--out is needed' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(['--list', str(visit), '--series', '2;3'])
    assert "'2;3' is neither all nor numbers as 2 or 1,3" in capsys.readouterr().err


def test_which_place_is_which_folder_is_written(visit, tmp_path, capsys):
    """For the eyes of who asked; what is printed stays without."""
    names = tmp_path / 'names.csv'
    asked = ['--list', '--names', str(names)]
    assert main([str(visit), *asked]) == 0
    head, *rows = csv.reader(names.read_text().splitlines())
    assert head == ['place', 'path', 'series']
    assert [row[0] for row in rows] == [f'argument 1, series {k}' for k in (1, 2, 3, 4)]
    assert [Path(row[1]).name for row in rows][:3] == ['bone', 'odd', 'scout']
    assert len({row[2] for row in rows}) == 4
    assert str(visit) not in capsys.readouterr().out
    before = names.read_text()
    assert main([str(tmp_path / 'nothing'), *asked]) == 2 and names.read_text() == before
    assert main([str(visit), '--list', '--names', str(tmp_path)]) == 2
    assert 'Name another file' in capsys.readouterr().err
    with pytest.raises(SystemExit):  # a folder of outputs may be shared
        main([str(visit), *asked, '-o', str(tmp_path)])
