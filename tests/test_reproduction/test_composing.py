"""A row runs on any data, with nothing but the data exchanged."""

from pathlib import Path

import pytest
from mmengine.config import Config

from lsnet_mm.evaluation.provenance import config_sha256
from lsnet_mm.reproduction import TABLES, compose
from lsnet_mm.reproduction.composing import composed_sha256

ROOT = Path(__file__).parents[2]
DATA_KEYS = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator')


def load(path):
    return Config.fromfile(next(ROOT.glob(f'configs/{path}.py')))


@pytest.mark.parametrize(
    'name, data, fold, split',
    [
        ('unet_w16_slices', None, None, None),
        ('unet_w16_slices', 'slices', None, 'val'),
        ('lsnet_small_slices_overfit', 'slices', None, 'train'),
        ('lsnet_small_phantom', 'phantom', 0, 'val'),
        ('lsnet_r18_r34_unet_pancreas_margin15', 'pancreas_ct', 0, 'val'),
    ],
)
def test_nothing_changes_where_nothing_is_asked(name, data, fold, split):
    plain = config_sha256(load(f'*/{name}').to_dict())
    assert composed_sha256(name, data, fold, split) == plain


@pytest.mark.parametrize(
    'name, data, file',
    [
        ('lsnet_unet_w16_slices', 'phantom', 'phantom_256'),
        ('unet_w16_slices', 'pancreas_ct', 'pancreas_ct_160'),
        ('c2f_r18_r34_unet_pancreas', 'slices', 'slices_320'),
        ('unet_r34_pancreas', 'phantom', 'phantom_320'),
    ],
)
def test_data_are_those_of_the_file_and_all_else_stays(name, data, file):
    composed, plain, dataset = (
        compose(name, data),
        load(f'*/{name}'),
        load(f'_base_/datasets/{file}'),
    )
    for key in DATA_KEYS:
        assert composed[key] == dataset[key] != plain.get(key) or key == 'val_evaluator'
    for key in ('model', 'optim_wrapper', 'param_scheduler', 'train_cfg', 'default_hooks'):
        assert composed[key] == plain[key], key
    assert composed.train_dataloader.batch_size == 8


def test_augmentation_is_the_same_on_all_data():
    def random(data):
        pipeline = compose('unet_w16_slices', data).train_dataloader.dataset.pipeline
        return [t for t in pipeline if t.type.startswith('Random') or t.type == 'Resize']

    assert random('slices') == random('phantom') == random('pancreas_ct')
    assert random('slices')[0].scale == (160, 160)


@pytest.mark.parametrize('scale', TABLES)
@pytest.mark.parametrize('data', ['pancreas_ct', 'slices', 'phantom'])
def test_every_row_runs_on_all_data(scale, data):
    for table in TABLES[scale].values():
        for row in table.rows:
            assert compose(row.config, data).data_root == f'data/{data}'.replace(
                'slices', 'pancreas_ct_slices'
            )


def test_a_fold_is_set_everywhere():
    config = compose('unet_w16_slices', 'pancreas_ct', fold=2)
    folds = [config[f'{part}_dataloader'].dataset.fold for part in ('train', 'val', 'test')]
    assert folds == [2, 2, 2]


def test_slices_have_no_folds():
    with pytest.raises(ValueError, match='data/pancreas_ct_slices has no folds'):
        compose('unet_w16_slices', 'slices', fold=0)


def test_training_slices_are_tested_as_they_train_without_augmentation():
    config = compose('unet_w16_slices', 'pancreas_ct', split='train')
    test = config.test_dataloader.dataset
    assert (test.split, test.slices) == ('train', 'foreground')
    assert test.pipeline == config.val_dataloader.dataset.pipeline
    assert config.test_evaluator == dict(type='TwoStageSegMetric')
    assert config.val_dataloader.dataset.split == 'val'


def test_from_scratch():
    assert 'Pretrained' in str(compose('unet_r34_pancreas').model)
    assert 'Pretrained' not in str(compose('unet_r34_pancreas', from_scratch=True).model)
    narrow = 'unet_w16_slices'
    assert composed_sha256(narrow, from_scratch=True) == composed_sha256(narrow)


def test_the_written_file_has_the_same_hash(tmp_path):
    config = compose('c2f_unet_w16_slices_rounds', 'phantom', 1, 'train')
    config.dump(tmp_path / 'config.py')
    assert config_sha256(Config.fromfile(tmp_path / 'config.py').to_dict()) == config_sha256(
        config.to_dict()
    )


@pytest.mark.parametrize(
    'name, data, error, message',
    [
        ('nowhere', 'phantom', FileNotFoundError, r'there is no config nowhere\.py below configs/'),
        ('lsnet_small_phantom', 'slices', FileNotFoundError, r'no configs/.*/slices\.py'),
        (
            'lsnet_small_slices_overfit',
            'phantom',
            ValueError,
            'what it changes there would be lost',
        ),
    ],
)
def test_what_cannot_be_composed(name, data, error, message):
    with pytest.raises(error, match=message):
        compose(name, data)
