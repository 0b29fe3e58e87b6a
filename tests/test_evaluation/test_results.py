import json
from pathlib import Path

import pytest

from lsnet_mm.evaluation.results import SCHEMA, read_run, write_curve, write_result, write_slices
from lsnet_mm.utils.files import write_atomic

ROWS = [
    {
        'case': '0001',
        'slice': 3,
        'area': 4,
        'tp': 3,
        'fp': 0,
        'fn': 1,
        'box_iou': 0.5,
        'n_boxes': 1,
    },
    {
        'case': '0001',
        'slice': 4,
        'area': 0,
        'tp': 0,
        'fp': 2,
        'fn': 0,
        'box_iou': None,
        'n_boxes': 0,
    },
]


def test_round_trip(tmp_path):
    write_slices(tmp_path / 'new' / 'run', ROWS)
    write_result(tmp_path / 'new' / 'run', {'config': 'unet', 'metrics': {'a': 1.5}})
    result, rows = read_run(tmp_path / 'new' / 'run')
    assert rows == ROWS
    assert result == {'schema': SCHEMA, 'config': 'unet', 'metrics': {'a': 1.5}}


def test_csv_is_plain(tmp_path):
    text = write_slices(tmp_path, ROWS).read_text()
    assert text.splitlines()[0] == 'case,slice,area,tp,fp,fn,box_iou,n_boxes'
    assert text.splitlines()[2] == '0001,4,0,0,2,0,,0'


def test_json_is_strict(tmp_path):
    path = write_result(tmp_path, {'metrics': {'a': float('nan'), 'b': float('inf')}})
    assert json.loads(path.read_text())['metrics'] == {'a': None, 'b': None}
    path = write_curve(tmp_path, {'train': [{'epoch': 1, 'loss': float('nan')}], 'val': []})
    assert json.loads(path.read_text())['train'] == [{'epoch': 1, 'loss': None}]


@pytest.mark.parametrize('path', ['/data/x', 'C:\\data', '\\\\server\\x', '~/x', 'file:///x'])
def test_absolute_paths_are_refused(tmp_path, path):
    with pytest.raises(ValueError, match='must not hold absolute paths'):
        write_result(tmp_path, {'data': {'name': [path]}})
    assert not list(tmp_path.iterdir())


def test_other_schemas_are_refused(tmp_path):
    (tmp_path / 'result.json').write_text('{"schema": "lsnet_mm.result/0"}')
    with pytest.raises(ValueError, match=f'expected schema {SCHEMA}'):
        read_run(tmp_path)


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_atomic(tmp_path / 'panel.png', b'old')

    def write_half(self, content):
        with self.open('wb') as file:
            file.write(content[: len(content) // 2])
        raise OSError('disk full')

    monkeypatch.setattr(Path, 'write_bytes', write_half)
    with pytest.raises(OSError, match='disk full'):
        write_atomic(path, b'new one')
    assert path.read_bytes() == b'old'
    assert list(tmp_path.iterdir()) == [path]
