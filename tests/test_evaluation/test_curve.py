import json
import math

from lsnet_mm.evaluation.results import read_curve


def log(work_dir, start, *lines):
    folder = work_dir / start / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))


def train(epoch, step, **losses):
    return {'lr': 0.1, 'time': 1.0, 'epoch': epoch, 'iter': step, 'step': step, **losses}


def test_epochs_are_averaged_and_a_resume_replaces_what_it_repeats(tmp_path):
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
    log(
        tmp_path,
        'a',
        {'loss': 1.0, 'iter': 50, 'step': 50},
        {'loss': 0.5, 'iter': 100, 'step': 100},
    )
    assert read_curve(tmp_path)['train'] == [{'iter': 50, 'loss': 1.0}, {'iter': 100, 'loss': 0.5}]


def test_a_loss_that_is_not_a_number_shows(tmp_path):
    log(tmp_path, 'a', train(1, 1, loss=1.0), train(1, 2, loss=float('nan')))
    assert math.isnan(read_curve(tmp_path)['train'][0]['loss'])


def test_no_training(tmp_path):
    assert read_curve(tmp_path) == {'train': [], 'val': []}
