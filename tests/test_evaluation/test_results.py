import json
import math

import pytest

from lsnet_mm.evaluation.results import (
    SCHEMA,
    metric_table,
    read_curve,
    read_run,
    write_curve,
    write_result,
    write_slices,
)

COUNTS = ('case', 'slice', 'area', 'tp', 'fp', 'fn', 'box_iou', 'n_boxes')
ROWS = [
    dict(zip(COUNTS, values, strict=True))
    for values in (('0001', 3, 4, 3, 0, 1, 0.5, 1), ('0001', 4, 0, 0, 2, 0, None, 0))
]


def test_round_trip(tmp_path):
    text = write_slices(tmp_path / 'new' / 'run', ROWS).read_text()
    assert text.splitlines()[2] == '0001,4,0,0,2,0,,0'
    write_result(tmp_path / 'new' / 'run', {'config': 'unet', 'metrics': {'a': 1.5}})
    result, rows = read_run(tmp_path / 'new' / 'run')
    assert rows == ROWS
    assert result == {'schema': SCHEMA, 'config': 'unet', 'metrics': {'a': 1.5}}


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


def log(work_dir, start, *lines):
    folder = work_dir / start / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))


def train(epoch, step, **losses):
    return {'lr': 0.1, 'time': 1.0, 'epoch': epoch, 'iter': step, 'step': step, **losses}


def test_epochs_are_averaged_and_a_resume_replaces_what_it_repeats(tmp_path):
    assert read_curve(tmp_path) == {'train': [], 'val': []}
    log(
        tmp_path,
        '20250101_000000',
        train(1, 1, loss=4.0),
        train(1, 2, loss=2.0),
        {'case/dsc': 10.0, 'data_time': 1.0, 'time': 1.0, 'step': 1},
        train(2, 3, loss=9.0),
        train(3, 4, loss=9.0),
    )
    log(
        tmp_path,
        '20250102_000000',
        train(2, 3, **{'loss': 1.0, 'segmentor.loss_dice': 0.5, 'decode.acc_seg': 3.0}),
        {'case/dsc': 20.0, 'step': 2},
    )
    assert read_curve(tmp_path) == {
        'train': [{'epoch': 1, 'loss': 3.0}, {'epoch': 2, 'loss': 1.0, 'segmentor.loss_dice': 0.5}],
        'val': [{'step': 1, 'case/dsc': 10.0}, {'step': 2, 'case/dsc': 20.0}],
    }


def test_iterations(tmp_path):
    lines = [{'loss': 1.0, 'iter': 50}, {'loss': 0.5, 'iter': 100}]
    log(tmp_path, 'a', *(line | {'step': line['iter']} for line in lines))
    assert read_curve(tmp_path)['train'] == lines


def test_a_loss_that_is_not_a_number_shows(tmp_path):
    log(tmp_path, 'a', train(1, 1, loss=1.0), train(1, 2, loss=float('nan')))
    assert math.isnan(read_curve(tmp_path)['train'][0]['loss'])


def test_scores_of_other_metrics_stand_in_the_table():
    """``mine/dsc`` without precision and recall is a row of its own."""
    own = {'case/dsc': 1.0, 'case/precision': 2.0, 'case/recall': 3.0, 'mine/dsc': 4.0}
    own |= {'case/hd95': 5.0, 'box/size': 0.5}
    table = metric_table(dict(config='a', data=dict(name='b', split='c'), metrics=own))
    assert [list(column.cells) for column in table.columns][:2] == [
        ['case', 'mine/dsc', 'case/hd95', 'box/size'],
        ['1.00', '4.00', '5.00 mm', '0.50 log2'],
    ]
