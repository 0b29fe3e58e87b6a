"""A row runs on any data, with nothing but the data exchanged."""

from pathlib import Path

import pytest
from mmengine.config import Config

from lsnet_mm.evaluation.computation import config_sha256
from lsnet_mm.reproduction import TABLES, composing, find_system

ROOT = Path(__file__).parents[2]


def compose(name, *args, **kwargs):
    return composing.compose(find_system(name), *args, **kwargs)


def composed_sha256(name, *args, **kwargs):
    return composing.composed_sha256(find_system(name), *args, **kwargs)


def load(path):
    return Config.fromfile(next(ROOT.glob(f'configs/{path}.py')))


@pytest.mark.parametrize(
    'name, data, fold, split',
    [
        ('unet_small_slices', None, None, None),
        ('unet_small_slices', 'slices', None, 'val'),
        ('lsnet_small_unet_slices_overfit', 'slices', None, 'train'),
        ('lsnet_small_phantom', 'phantom', 0, 'val'),
        ('lsnet_r18_r34_unet_pancreas', 'pancreas_ct', 0, 'val'),
    ],
)
def test_nothing_changes_where_nothing_is_asked(name, data, fold, split):
    plain = config_sha256(load(f'*/{name}').to_dict())
    assert composed_sha256(name, data, fold, split) == plain


@pytest.mark.parametrize(
    'name, data, size',
    [
        ('lsnet_small_unet_slices', 'phantom', 256),
        ('unet_small_slices', 'pancreas_ct', 160),
        ('c2f_r18_r34_unet_pancreas', 'slices', 320),
        ('lsnet_small_unet_slices_accurate', 'pancreas_ct', None),
    ],
)
def test_data_are_those_of_the_file_at_the_configs_size(name, data, size):
    composed, plain = compose(name, data), load(f'*/{name}')
    dataset = load(f'_base_/datasets/{data}_320')
    for part in ('train', 'val', 'test'):
        ours, theirs = (c[f'{part}_dataloader'] for c in (composed, dataset))
        sizes = [t.scale for t in ours.dataset.pipeline if t.type == 'ResizeSlice']
        assert sizes == ([(size, size)] if size else [])
        for loader in (ours, theirs):
            loader.dataset.pipeline = [
                t for t in loader.dataset.pipeline if t.type != 'ResizeSlice'
            ]
        assert ours == theirs != plain[f'{part}_dataloader']
    assert composed.test_evaluator == dataset.test_evaluator
    for key in ('model', 'optim_wrapper', 'param_scheduler', 'train_cfg', 'default_hooks'):
        assert composed[key] == plain[key], key
    assert composed.train_dataloader.batch_size == 8


def test_augmentation_is_the_same_on_all_data():
    def random(data):
        pipeline = compose('unet_small_slices', data).train_dataloader.dataset.pipeline
        return [t for t in pipeline if t.type.startswith('Random') or t.type == 'ResizeSlice']

    assert random('slices') == random('phantom') == random('pancreas_ct')
    assert random('slices')[0].scale == (160, 160)


@pytest.mark.parametrize('scale', TABLES)
@pytest.mark.parametrize('data', ['pancreas_ct', 'slices', 'phantom'])
def test_every_row_runs_on_all_data(scale, data):
    for table in TABLES[scale].values():
        for row in table.rows:
            config = composing.compose(row.system, data)
            root = f'data/{data}'.replace('slices', 'pancreas_ct_slices')
            for part in ('train', 'val', 'test'):
                assert config[f'{part}_dataloader'].dataset.data_root == root


def test_a_fold_is_set_everywhere():
    config = compose('unet_small_slices', 'pancreas_ct', fold=2)
    folds = [config[f'{part}_dataloader'].dataset.fold for part in ('train', 'val', 'test')]
    assert folds == [2, 2, 2]


def test_slices_have_no_folds():
    with pytest.raises(ValueError, match='data/pancreas_ct_slices has no folds'):
        compose('unet_small_slices', 'slices', fold=0)


def test_training_slices_are_tested_as_they_train_without_augmentation():
    config = compose('unet_small_slices', 'pancreas_ct', split='train')
    test = config.test_dataloader.dataset
    assert (test.split, test.slices) == ('train', 'foreground')
    assert test.pipeline == config.val_dataloader.dataset.pipeline
    assert config.test_evaluator == dict(type='TwoStageSegMetric')
    assert config.val_dataloader.dataset.split == 'val'


def test_from_scratch():
    assert 'Pretrained' in str(compose('unet_r34_pancreas').model)
    assert 'Pretrained' not in str(compose('unet_r34_pancreas', from_scratch=True).model)
    narrow = 'unet_small_slices'
    assert composed_sha256(narrow, from_scratch=True) == composed_sha256(narrow)


def test_the_written_file_has_the_same_hash(tmp_path):
    config = compose('c2f_small_unet_slices_rounds', 'phantom', 1, 'train')
    config.dump(tmp_path / 'config.py')
    assert config_sha256(Config.fromfile(tmp_path / 'config.py').to_dict()) == config_sha256(
        config.to_dict()
    )


@pytest.mark.parametrize(
    'name, data, error, message',
    [
        ('nowhere', 'phantom', FileNotFoundError, r'there is no config nowhere\.py below configs/'),
        (
            'lsnet_small_unet_slices_overfit',
            'phantom',
            ValueError,
            'what it changes there would be lost',
        ),
    ],
)
def test_what_cannot_be_composed(name, data, error, message):
    with pytest.raises(error, match=message):
        compose(name, data)
