import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS
from PIL import Image

from lsnet_mm.datasets import SliceFolderDataset

REAL = Path(__file__).parents[2].parent / 'shared' / 'data' / 'pancreas_ct_slices'
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadCTMask'),
    dict(type='BoxesFromMask'),
    dict(type='PackLSNetInputs'),
]


def test_records(slice_root):
    dataset = SliceFolderDataset(slice_root, 'train')
    assert (dataset.name, dataset.split, len(dataset)) == ('slices', 'train', 2)
    info = dataset.get_data_info(1)
    assert info['case'] == 'P_01' and info['slice_index'] == 12 and info['spacing'] is None
    assert info['img_path'] == str(slice_root / 'train/images/P_01_012.png')
    assert info['seg_map_path'] == str(slice_root / 'train/masks/P_01_012.png')
    assert dataset.metainfo['classes'] == ('background', 'pancreas')


def test_builds_from_config_and_loads(slice_root):
    cfg = dict(type='SliceFolderDataset', data_root=str(slice_root), split='val', name='tiny')
    dataset = DATASETS.build(dict(cfg, pipeline=PIPELINE))
    sample = dataset[0]['data_samples']
    assert dataset.name == 'tiny'
    assert dataset[0]['inputs'].shape == (3, 20, 30)
    assert sample.gt_sem_seg.data.sum() == 24
    assert sample.gt_instances.bboxes.tolist() == [[10, 5, 16, 9]]
    assert sample.case == 'P_02' and sample.slice_index == 3


def test_indices_take_a_subset(slice_root):
    assert len(SliceFolderDataset(slice_root, 'train', indices=1)) == 1
    dataset = SliceFolderDataset(slice_root, 'train', indices=[1])
    assert dataset.get_data_info(0)['slice_index'] == 12


def test_sha256_follows_names_and_contents(slice_root):
    def fingerprint(**kwargs):
        return SliceFolderDataset(slice_root, 'train', **kwargs).sha256()

    before = fingerprint()
    assert len(before) == 64
    assert before == fingerprint(indices=1)  # the split, not the subset
    assert before != SliceFolderDataset(slice_root, 'val').sha256()
    for kind in ('images', 'masks'):
        folder = slice_root / 'train' / kind
        (folder / 'P_01_007.png').rename(folder / 'P_01_008.png')
    renamed = fingerprint()
    assert renamed != before
    mask = slice_root / 'train/masks/P_01_008.png'
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(mask)
    assert fingerprint() not in (before, renamed)


def test_missing_data(slice_root):
    with pytest.raises(FileNotFoundError, match='data_root .*nowhere does not exist. Set data_r'):
        SliceFolderDataset(slice_root / 'nowhere')
    with pytest.raises(FileNotFoundError, match="no split 'test'. Its folders: train, val"):
        SliceFolderDataset(slice_root, 'test')
    (slice_root / 'new').mkdir()
    with pytest.raises(FileNotFoundError, match=r'new/images does not exist. A split holds'):
        SliceFolderDataset(slice_root, 'new')
    for kind in ('images', 'masks'):
        (slice_root / 'new' / kind).mkdir()
    with pytest.raises(ValueError, match="split 'new' of .* is empty"):
        SliceFolderDataset(slice_root, 'new')


@pytest.mark.parametrize('lost, message', [
    ('masks', r'1 image\(s\) without mask: .*images/P_01_007.png. Add the mask'),
    ('images', r'1 mask\(s\) without image: .*masks/P_01_007.png. Add the image'),
])  # fmt: skip
def test_unpaired_files(slice_root, lost, message):
    (slice_root / 'train' / lost / 'P_01_007.png').unlink()
    with pytest.raises(FileNotFoundError, match=message):
        SliceFolderDataset(slice_root, 'train')


def test_bad_names(slice_root):
    images, masks = slice_root / 'train/images', slice_root / 'train/masks'
    (images / 'P_01_007.jpg').write_bytes((images / 'P_01_007.png').read_bytes())
    with pytest.raises(ValueError, match='P_01_007.png are the same slice'):
        SliceFolderDataset(slice_root, 'train')
    (images / 'P_01_007.jpg').unlink()
    (images / 'P_01_007.png').rename(images / 'nonumber.png')
    (masks / 'P_01_007.png').rename(masks / 'nonumber.png')
    with pytest.raises(ValueError, match='nonumber.png does not follow <case>_<number>.png'):
        SliceFolderDataset(slice_root, 'train')


@pytest.mark.skipif(not REAL.is_dir(), reason='the real slices are not on this machine')
def test_real_slices():
    train, val = (SliceFolderDataset(REAL, split, pipeline=PIPELINE) for split in ('train', 'val'))
    assert (len(train), len(val)) == (309, 96)
    cases = [{d.get_data_info(i)['case'] for i in range(len(d))} for d in (train, val)]
    assert [len(c) for c in cases] == [37, 12] and not cases[0] & cases[1]
    sample = val[0]['data_samples']
    assert sample.ori_shape == (512, 512)
    assert 5 <= sample.gt_sem_seg.data.sum() <= 5401 and len(sample.gt_instances.bboxes) >= 1


FOLDS = [dict(train=['P_01'], val=['P_02']), dict(train=['P_02'], val=['P_01'])]


def numbers(dataset):
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    return [(info['case'], info['slice_index']) for info in infos]


def test_folds_divide_all_slices_by_case(slice_root):
    first, second = [('P_01', 7), ('P_01', 12)], [('P_02', 3)]
    for fold, train, val in ((0, first, second), (1, second, first)):
        for split, expected in (('train', train), ('val', val), (('val', 'train'), first + second)):
            dataset = SliceFolderDataset(slice_root, split, folds=FOLDS, fold=fold)
            assert numbers(dataset) == expected and dataset.fold == fold
        assert dataset.split == 'val+train'
    by_folder = SliceFolderDataset(slice_root, 'val')
    by_fold = SliceFolderDataset(slice_root, 'val', folds=FOLDS, fold=0)
    assert by_fold.sha256() == by_folder.sha256() and by_folder.fold is None


def test_several_folders_are_pooled(slice_root):
    dataset = SliceFolderDataset(slice_root, ['val', 'train'])
    assert numbers(dataset) == [('P_01', 7), ('P_01', 12), ('P_02', 3)]
    assert dataset.split == 'val+train'
    with pytest.raises(FileNotFoundError, match="no split 'test'"):
        SliceFolderDataset(slice_root, ['val', 'test'])
    with pytest.raises(ValueError, match='split names nothing'):
        SliceFolderDataset(slice_root, [])


def test_a_file_of_folds(slice_root, tmp_path, monkeypatch):
    """Of the current folder, or else of the data; in a config as anywhere."""
    monkeypatch.chdir(tmp_path)
    (slice_root / 'folds.json').write_text(json.dumps(FOLDS))
    cfg = dict(type='SliceFolderDataset', data_root=str(slice_root), split='val', fold=1)
    assert len(DATASETS.build(dict(cfg, folds='folds.json'))) == 2
    assert len(DATASETS.build(Config(dict(cfg, folds=FOLDS)))) == 2
    Path('folds.json').write_text(json.dumps(FOLDS[::-1]))
    assert len(DATASETS.build(dict(cfg, folds='folds.json'))) == 1
    for bad, message in (('{', 'folds.json is not valid JSON'), ('3', 'must hold a JSON list')):
        Path('folds.json').write_text(bad)
        with pytest.raises(ValueError, match=message):
            DATASETS.build(dict(cfg, folds='folds.json'))
    with pytest.raises(FileNotFoundError, match='no.json does not exist, neither from here nor in'):
        DATASETS.build(dict(cfg, folds='no.json'))


@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(folds=FOLDS), 'belong together; got .* and fold=None. Set both or neither'),
        (dict(fold=0), 'belong together; got folds=None and fold=0'),
        (dict(folds=FOLDS, fold=2), "config's folds has the folds 0, 1; there is no 2"),
        (dict(folds=FOLDS, fold=0, split='test'), "has no 'test' list of cases, it has train, val"),
        (dict(folds=[dict(train=['P_01'], val=[])], fold=0), r'no list for .*slices: P_02\. Corr'),
        (dict(folds=[dict(train=['P_01', 'P_02', 'P_03'])], fold=0), 'without slices .*: P_03'),
        (dict(folds=[dict(train=['P_01', 'P_02'], val=[])], fold=0, split='val'), 'is empty'),
        (dict(folds=[['P_01']], fold=0), 'fold 0 must be {"train"'),
    ],
)
def test_folds_that_do_not_fit(slice_root, settings, message):
    with pytest.raises(ValueError, match=message):
        SliceFolderDataset(slice_root, **settings)


def test_a_slice_in_two_folders(slice_root):
    for kind in ('images', 'masks'):
        name = f'{kind}/P_01_007.png'
        (slice_root / 'val' / name).write_bytes((slice_root / 'train' / name).read_bytes())
    for settings in (dict(folds=FOLDS, fold=0), dict(split=['train', 'val'])):
        with pytest.raises(ValueError, match='train/images/P_01_007.png and .* are the same slice'):
            SliceFolderDataset(slice_root, **settings)
    assert len(SliceFolderDataset(slice_root, 'train')) == 2
