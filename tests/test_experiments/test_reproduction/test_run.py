"""A row runs on any data with nothing but the data exchanged; what is left to do of it, and what is
refused: each bad state has its own sentence."""

import json
from pathlib import Path

import pytest
from fake_runs import put_checkpoint, put_result
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

from lsnet_mm.evaluation.computation import config_sha256
from lsnet_mm.experiments.reproduction.run import HASH_FILE, Run, compose, composed_sha256
from lsnet_mm.experiments.reproduction.tables import TABLES, System, find_system

ROOT = Path(__file__).parents[3]
FOLDS = ROOT / 'configs' / '_base_' / 'datasets' / 'pancreas_ct_slices_folds.json'
SLICES = ROOT.parent / 'shared' / 'data' / 'pancreas_ct_slices'
PARTS = [f'{part}_dataloader' for part in ('train', 'val', 'test')]
UNET = System.of('unet_small_slices')
RUN = Run(UNET, 'slices')
GAP = Run(find_system('lsnet_small_unet_slices'), 'slices', train_split=True)
ROUNDS = Run(find_system('lsnet_small_unet_slices_rounds'), 'slices')


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
    assert composed_sha256(System.of(name), data, fold, split) == plain


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
    composed, plain = compose(System.of(name), data), load(f'*/{name}')
    dataset = load(f'_base_/datasets/{data}_320')
    for part in PARTS:
        ours, theirs = composed[part], dataset[part]
        sizes = [t.scale for t in ours.dataset.pipeline if t.type == 'ResizeSlice']
        assert sizes == ([(size, size)] if size else [])
        for loader in (ours, theirs):
            steps = loader.dataset.pipeline
            loader.dataset.pipeline = [t for t in steps if t.type != 'ResizeSlice']
        assert ours == theirs != plain[part]
    assert composed.test_evaluator == dataset.test_evaluator
    for key in ('model', 'optim_wrapper', 'param_scheduler', 'train_cfg', 'default_hooks'):
        assert composed[key] == plain[key], key
    assert composed.train_dataloader.batch_size == 8


@pytest.mark.parametrize('scale', TABLES)
@pytest.mark.parametrize('data', ['pancreas_ct', 'slices', 'phantom'])
def test_every_row_runs_on_all_data(scale, data):
    root = f'data/{data}'.replace('slices', 'pancreas_ct_slices')
    for system in {row.system for table in TABLES[scale].values() for row in table.rows}:
        own = compose(system).test_dataloader.dataset.data_root
        # The paper to the letter is in the pipeline too, and that is of one kind of data.
        if 'literal' in system.name and own != root:
            with pytest.raises(ValueError, match=system.config):
                compose(system, data)
            continue
        config = compose(system, data)
        assert {config[part].dataset.data_root for part in PARTS} == {root}


def test_a_fold_is_set_everywhere():
    config = compose(UNET, 'pancreas_ct', fold=2)
    assert [config[part].dataset.fold for part in PARTS] == [2, 2, 2]


def test_folds_of_slices_stand_in_the_config():
    plain, config = compose(UNET, 'slices'), compose(UNET, 'slices', fold=2, split='train')
    for part in PARTS:
        assert config[part].dataset.fold == 2
        assert config[part].dataset.folds == json.loads(FOLDS.read_text())
        assert 'fold' not in plain[part].dataset
    splits = config.val_dataloader.dataset.split, config.test_dataloader.dataset.split
    assert splits == ('val', 'train')
    assert len({composed_sha256(UNET, 'slices', fold) for fold in (None, 0, 1)}) == 3


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

    def build(fold, part):
        dataset = compose(UNET, 'slices', fold)[part].dataset
        return DATASETS.build({**dataset, 'data_root': str(SLICES)})

    for part, count in (('train_dataloader', 309), ('val_dataloader', 96)):
        one, other = build(0, part), build(None, part)
        assert len(one) == count and one.load_data_list() == other.load_data_list()
        assert (one.name, one.split, one.sha256()) == (other.name, other.split, other.sha256())
        assert (one.fold, other.fold) == (0, None)
    counts = [len(build(fold, 'val_dataloader')) for fold in (1, 2, 3)]
    assert sum(counts) == 309 and min(counts) > 60


def test_training_slices_are_tested_as_they_train_without_augmentation():
    config = compose(UNET, 'pancreas_ct', split='train')
    test = config.test_dataloader.dataset
    assert (test.split, test.slices) == ('train', 'foreground')
    assert test.pipeline == config.val_dataloader.dataset.pipeline
    assert config.test_evaluator == dict(type='TwoStageSegMetric')
    assert config.val_dataloader.dataset.split == 'val'


def test_from_scratch():
    paper = System.of('unet_r34_pancreas')
    assert 'Pretrained' in str(compose(paper).model)
    assert 'Pretrained' not in str(compose(paper, from_scratch=True).model)
    assert composed_sha256(UNET, from_scratch=True) == composed_sha256(UNET)


def test_the_written_file_has_the_same_hash(tmp_path):
    config = compose(ROUNDS.system, 'phantom', 1, 'train')
    config.dump(tmp_path / 'config.py')
    assert config_sha256(Config.fromfile(tmp_path / 'config.py').to_dict()) == config_sha256(
        config.to_dict()
    )


MINE = UNET.trained('mine', {'train_dataloader.dataset.data_root': 'data/mine'})
OVERFIT = System.of('lsnet_small_unet_slices_overfit')


@pytest.mark.parametrize(
    'system, more, error, message',
    [
        (System.of('nowhere'), {}, FileNotFoundError, 'no config nowhere.py below configs/'),
        (OVERFIT, {'data': 'phantom'}, ValueError, 'what it changes there would be lost'),
        (MINE, {'fold': 0}, ValueError, 'data/mine has no folds: leave out the fold'),
    ],
)
def test_what_cannot_be_composed(system, more, error, message):
    with pytest.raises(error, match=message):
        compose(system, **more)


@pytest.mark.parametrize(
    'run, steps',
    [(RUN, ['train', 'test']), (GAP, ['train', 'test', 'train_split']), (ROUNDS, ['test'])],
)
def test_what_is_left_of_nothing(here, run, steps):
    assert run.remaining() == steps


def test_a_start_that_crashed_before_the_first_checkpoint_is_made_again(here):
    RUN.work_dir.mkdir(parents=True)
    (RUN.work_dir / HASH_FILE).write_text('of another config: there is nothing to lose')
    assert RUN.remaining() == ['train', 'test']


def test_what_stopped_is_resumed_if_asked(here):
    put_checkpoint(RUN, 3)
    with pytest.raises(ValueError, match='seed0 stopped after 3 of 32 epochs. .* --resume'):
        RUN.remaining()
    assert RUN.remaining(resume=True) == ['train', 'test']


@pytest.mark.parametrize('pointer', ['', '/elsewhere/epoch_2.pth', '/elsewhere/epoch_32.pth'])
def test_the_last_whole_checkpoint_counts_wherever_the_pointer_points(here, pointer):
    put_checkpoint(RUN, 3)
    (RUN.work_dir / 'epoch_32.pth').write_bytes(b'cut by a full disk')
    (RUN.work_dir / 'last_checkpoint').write_text(pointer)
    (RUN.work_dir / 'epoch_3.pth').touch()
    assert RUN.checkpoint() == (RUN.work_dir / 'epoch_3.pth', 3)


def test_a_crash_between_training_and_test_needs_no_resume(here):
    put_checkpoint(RUN, 32)
    assert RUN.remaining() == ['test']
    put_result(RUN)
    assert RUN.remaining() == []


def test_beside_a_result_nothing_is_trained_again(here):
    put_result(GAP)
    assert GAP.remaining() == ['train_split']
    put_result(GAP, test='train_split')
    assert GAP.remaining() == []


@pytest.mark.parametrize('content', [{'config_sha256': '0123456789'}, {}])
def test_a_result_of_another_config(here, content):
    file = put_result(RUN)
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'result.json is of another config \((01234567|unknown),'):
        RUN.remaining()
    assert json.loads(file.read_text()) == content


@pytest.mark.parametrize('sha256', ['0123456789', None])
def test_a_training_of_another_config(here, sha256):
    put_checkpoint(RUN, 32, sha256)
    if sha256 is None:
        (RUN.work_dir / HASH_FILE).unlink()
    with pytest.raises(ValueError, match=r'seed0 was started with another config \(.*, now it is'):
        RUN.remaining(resume=True)
