"""A row runs on any data, with nothing but the data exchanged."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from lsnet_mm.evaluation.computation import config_sha256
from lsnet_mm.experiments.reproduction import TABLES, System, composing, find_system

ROOT = Path(__file__).parents[3]
FOLDS = ROOT / 'configs' / '_base_' / 'datasets' / 'pancreas_ct_slices_folds.json'
SLICES = ROOT.parent / 'shared' / 'data' / 'pancreas_ct_slices'


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


def own_root(system):
    return composing.compose(system).test_dataloader.dataset.data_root


@pytest.mark.parametrize('scale', TABLES)
@pytest.mark.parametrize('data', ['pancreas_ct', 'slices', 'phantom'])
def test_every_row_runs_on_all_data(scale, data):
    for table in TABLES[scale].values():
        for row in table.rows:
            root = f'data/{data}'.replace('slices', 'pancreas_ct_slices')
            # The paper to the letter is in the pipeline too, and that is of one kind of data.
            if 'literal' in row.system.name and own_root(row.system) != root:
                with pytest.raises(ValueError, match=row.system.name):
                    composing.compose(row.system, data)
                continue
            config = composing.compose(row.system, data)
            for part in ('train', 'val', 'test'):
                assert config[f'{part}_dataloader'].dataset.data_root == root


def test_a_fold_is_set_everywhere():
    config = compose('unet_small_slices', 'pancreas_ct', fold=2)
    folds = [config[f'{part}_dataloader'].dataset.fold for part in ('train', 'val', 'test')]
    assert folds == [2, 2, 2]


def test_folds_of_slices_stand_in_the_config():
    plain = compose('unet_small_slices', 'slices')
    config = compose('unet_small_slices', 'slices', fold=2, split='train')
    for part in ('train', 'val', 'test'):
        dataset = config[f'{part}_dataloader'].dataset
        assert dataset.fold == 2
        assert dataset.folds == json.loads(FOLDS.read_text())
        assert 'fold' not in plain[f'{part}_dataloader'].dataset
    assert (config.val_dataloader.dataset.split, dataset.split) == ('val', 'train')
    hashes = {composed_sha256('unet_small_slices', 'slices', fold) for fold in (None, 0, 1)}
    assert len(hashes) == 3


def test_folds_of_slices_take_every_patient_once():
    folds = json.loads(FOLDS.read_text())
    cases = sorted(case for fold in folds for case in fold['val'])
    assert [len(fold['val']) for fold in folds] == [12, 13, 12, 12]
    assert len(cases) == len(set(cases)) == 49
    for fold in folds:
        assert fold['val'] == sorted(fold['val'])
        assert fold['train'] == [case for case in cases if case not in fold['val']]


@pytest.mark.skipif(not SLICES.is_dir(), reason='the real slices are not on this machine')
def test_fold_0_of_slices_is_the_split_of_their_folders():
    init_default_scope('mmseg')
    for split, count in (('train', 309), ('val', 96)):
        one, other = (
            compose('unet_small_slices', 'slices', fold)[f'{split}_dataloader'].dataset
            for fold in (0, None)
        )
        one, other = (DATASETS.build({**d, 'data_root': str(SLICES)}) for d in (one, other))
        assert len(one) == count and one.load_data_list() == other.load_data_list()
        assert (one.name, one.split, one.sha256()) == (other.name, other.split, other.sha256())
        assert (one.fold, other.fold) == (0, None)
    others = [compose('unet_small_slices', 'slices', k).val_dataloader.dataset for k in (1, 2, 3)]
    counts = [len(DATASETS.build({**d, 'data_root': str(SLICES)})) for d in others]
    assert sum(counts) == 309 and min(counts) > 60


def test_data_without_folds():
    options = {'train_dataloader.dataset.data_root': 'data/mine'}
    system = System.of('unet_small_slices').trained('mine', options)
    with pytest.raises(ValueError, match='data/mine has no folds: leave out the fold'):
        composing.compose(system, fold=0)


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
