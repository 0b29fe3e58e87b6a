import json
import shutil
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
FOLDS = [dict(train=['P_01'], val=['P_02']), dict(train=['P_02'], val=['P_01'])]


def numbers(dataset):
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    return [(info['case'], info['slice_index']) for info in infos]


def test_records_and_samples(slice_root):
    cfg = dict(type='SliceFolderDataset', data_root=str(slice_root), split='val', name='tiny')
    dataset = DATASETS.build(dict(cfg, pipeline=PIPELINE))
    assert (dataset.name, dataset.split, numbers(dataset)) == ('tiny', 'val', [('P_02', 3)])
    assert dataset.metainfo['classes'] == ('background', 'pancreas')
    info, sample = dataset.get_data_info(0), dataset[0]['data_samples']
    assert info['spacing'] is None
    assert info['img_path'] == str(slice_root / 'val/images/P_02_003.png')
    assert info['seg_map_path'] == str(slice_root / 'val/masks/P_02_003.png')
    assert dataset[0]['inputs'].shape == (3, 20, 30)
    assert sample.gt_sem_seg.data.sum() == 24
    assert sample.gt_instances.bboxes.tolist() == [[10, 5, 16, 9]]
    assert sample.case == 'P_02' and sample.slice_index == 3
    assert sample.data_root == str(slice_root)


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


def empty(root):
    for kind in ('images', 'masks'):
        shutil.rmtree(root / 'train' / kind)
        (root / 'train' / kind).mkdir()


def rename(root):
    for kind in ('images', 'masks'):
        (root / f'train/{kind}/P_01_007.png').rename(root / f'train/{kind}/P_01_0012.png')


def copy(root, new):
    """A slice once more under another name, and with its mask if it has another folder."""
    for kind in ('images', 'masks') if new.startswith('val') else ('images',):
        shutil.copy(root / f'train/{kind}/P_01_007.png', root / new.format(kind))


@pytest.mark.parametrize('spoil, message', [
    (shutil.rmtree, r'data_root .*slices does not exist\. Set data_root'),
    (lambda root: (root / 'train').rename(root / 'test'),
     r'train/images does not exist.* there are: test, val\.'),
    (empty, "split 'train' of .* is empty"),
    (lambda root: (root / 'train/masks/P_01_007.png').unlink(),
     r'1 image\(s\) without mask or .*: \S*train/images/P_01_007.png\. Add'),
    (lambda root: (root / 'train/images/P_01_007.png').unlink(),
     r'1 image\(s\) without mask or .*: \S*train/masks/P_01_007.png\. Add'),
    (lambda root: copy(root, 'train/{}/P_01_007.jpg'), 'P_01_007.png are the same slice'),
    (rename, 'P_01_0012.png and .*P_01_012.png are the same slice. Rename one'),
])  # fmt: skip
def test_bad_folders(slice_root, spoil, message):
    spoil(slice_root)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        SliceFolderDataset(slice_root, 'train')


def test_names_without_a_number(slice_root):
    """Each is a case with one slice, as of a folder of single pictures."""
    for kind in ('images', 'masks'):
        folder = slice_root / f'train/{kind}'
        (folder / 'P_01_007.png').rename(folder / 'IMG (2) links.png')
    dataset = SliceFolderDataset(slice_root, 'train', pipeline=PIPELINE)
    assert numbers(dataset) == [('IMG (2) links', 0), ('P_01', 12)]
    alone = SliceFolderDataset(slice_root, 'train', by_case=False)
    assert numbers(alone) == [('IMG (2) links', 0), ('P_01_012', 0)]
    assert dataset[0]['data_samples'].gt_sem_seg.data.any()


def test_classes_of_the_config(slice_root):
    """They name the values of masks; a value beyond them is an error as ever."""
    path = slice_root / 'val/masks/P_02_003.png'
    mask = np.asarray(Image.open(path)).copy()
    mask[:3] = 2
    Image.fromarray(mask).save(path)
    for classes in (('background', 'liver', 'spleen'), ('background', 'pancreas')):
        metainfo = dict(classes=classes)
        dataset = SliceFolderDataset(slice_root, 'val', pipeline=PIPELINE, metainfo=metainfo)
        assert dataset.metainfo['classes'] == classes
        assert len({*map(tuple, dataset.metainfo['palette'])}) == len(classes)
        if len(classes) == 3:
            np.testing.assert_array_equal(dataset[0]['data_samples'].gt_sem_seg.data[0], mask)
        else:
            with pytest.raises(ValueError, match=r'must be in \[0, 1\], found \[2\]'):
                dataset[0]


def test_slices_of_several_folders(slice_root):
    assert len(SliceFolderDataset(slice_root, ['val', 'train'])) == 3
    mask = slice_root / 'train/masks/P_01_012.png'
    mask.rename(slice_root / 'val/masks/P_01_012.png')
    with pytest.raises(FileNotFoundError, match=r'2 image\(s\) without mask or mask\(s\) without'):
        SliceFolderDataset(slice_root, ['val', 'train'])
    (slice_root / 'val/masks/P_01_012.png').rename(mask)
    copy(slice_root, 'val/{}/P_01_007.png')
    for settings in (dict(folds=FOLDS, fold=0), dict(split=['train', 'val'])):
        with pytest.raises(ValueError, match='train/images/P_01_007.png and .* are the same slice'):
            SliceFolderDataset(slice_root, **settings)
    assert len(SliceFolderDataset(slice_root, 'train')) == 2


@pytest.mark.skipif(not REAL.is_dir(), reason='the real slices are not on this machine')
def test_real_slices():
    train, val = (SliceFolderDataset(REAL, split, pipeline=PIPELINE) for split in ('train', 'val'))
    assert (len(train), len(val)) == (309, 96)
    cases = [{case for case, _ in numbers(dataset)} for dataset in (train, val)]
    assert [len(c) for c in cases] == [37, 12] and not cases[0] & cases[1]
    sample = val[0]['data_samples']
    assert sample.ori_shape == (512, 512)
    assert 5 <= sample.gt_sem_seg.data.sum() <= 5401 and len(sample.gt_instances.bboxes) >= 1


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
        (dict(split=[]), 'is empty'),
        (dict(folds=FOLDS), 'belong together; got .* and fold=None. Set both or neither'),
        (dict(fold=0), 'belong together; got folds=None and fold=0'),
        (dict(folds=FOLDS, fold=2), "config's folds has the folds 0, 1; there is no 2"),
        (dict(folds=FOLDS, fold=0, split='test'), "has no 'test' list of cases, it has train, val"),
        (dict(folds=[dict(train=['P_01'], val=[])], fold=0), r'only one has P_02\. Correct'),
        (dict(folds=[dict(train=['P_01', 'P_02', 'P_03'])], fold=0), 'only one has P_03'),
        (dict(folds=[dict(train=['P_01', 'P_02'], val=[])], fold=0, split='val'), 'is empty'),
        (dict(folds=[['P_01']], fold=0), 'fold 0 must be {"train"'),
    ],
)
def test_folds_that_do_not_fit(slice_root, settings, message):
    with pytest.raises(ValueError, match=message):
        SliceFolderDataset(slice_root, **settings)
