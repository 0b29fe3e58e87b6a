import json

import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.datasets import PancreasCTDataset

LOAD = [dict(type='LoadCTSlice'), dict(type='HUWindow')]
MASK = [dict(type='LoadCTMask'), dict(type='BoxesFromMask', min_area=1)]
PACK = dict(type='PackLSNetInputs')
LABELS = {'spleen': 2, 'background': 0, 'pancreas': 3, 'liver': 1}


@pytest.fixture
def organs(tmp_path):
    """Two cases of 20 x 16 x 6 voxels; slice 0 is empty, slice 1 holds liver alone."""
    root = tmp_path / 'organs'
    rng = np.random.default_rng(0)
    for folder in ('imagesTr', 'labelsTr'):
        (root / folder).mkdir(parents=True)
    for case in ('a', 'b'):
        volume = rng.integers(-1000, 1000, (20, 16, 6)).astype(np.int16)
        label = rng.integers(0, 4, volume.shape).astype(np.uint8)
        label[..., 0] = 0
        label[..., 1] = label[..., 1] > 2
        for path, array in ((f'imagesTr/{case}_0000', volume), (f'labelsTr/{case}', label)):
            nib.save(nib.Nifti1Image(array, np.eye(4)), root / f'{path}.nii')
    describe(root, LABELS)
    (root / 'splits_final.json').write_text(json.dumps([{'train': ['a'], 'val': ['b']}]))
    return root


def describe(root, labels, **more):
    content = {'labels': labels, 'file_ending': '.nii', **more}
    (root / 'dataset.json').write_text(json.dumps(content))


def slices_of(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(info['case'], info['slice_index']) for info in infos]


def cases(dataset):
    return sorted({case for case, _ in slices_of(dataset)})


def test_splits_and_folds(phantom):
    val = [PancreasCTDataset(phantom, 'val', fold) for fold in range(4)]
    assert [slices_of(d) for d in val] == [
        [(f'PANCREAS_000{k}', number) for number in range(12)] for k in range(1, 5)
    ]
    train = PancreasCTDataset(phantom, 'train', fold=3)
    assert cases(train) == ['PANCREAS_0001', 'PANCREAS_0002', 'PANCREAS_0003']
    assert len(train) == 36 and len(PancreasCTDataset(phantom, 'all')) == 48
    assert (train.split, train.name) == ('train', 'phantom')
    info = train.get_data_info(0)
    zooms = nib.load(info['img_path']).header.get_zooms()
    assert info['spacing'] == pytest.approx((zooms[1], zooms[0], zooms[2]))


def test_empty_slices_are_drawn_at_a_ratio(phantom):
    def drawn(ratio, split='train', **kwargs):
        own = dict(slices='foreground', empty_ratio=ratio, **kwargs)
        return slices_of(PancreasCTDataset(phantom, split, **own))

    label = nib.load(phantom / 'labelsTr/PANCREAS_0001.nii').get_fdata()
    assert [k for _, k in drawn(0, 'val')] == np.flatnonzero(label.any(axis=(0, 1))).tolist()
    everything, foreground = slices_of(PancreasCTDataset(phantom)), drawn(0)
    half = drawn(0.5)
    assert len(half) == len(foreground) + round(0.5 * len(foreground))
    assert set(foreground) < set(half) < set(everything) and half == sorted(half)
    assert drawn(0.5) == half != drawn(0.5, seed=1)
    assert drawn(100) == everything  # there are no more


def test_folds_and_splits_by_name(prepared):
    folds = {'mine': {'train': ['PANCREAS_0001'], 'test': ['PANCREAS_0003', 'PANCREAS_0002']}}
    (prepared / 'splits_final.json').write_text(json.dumps(folds))
    dataset = PancreasCTDataset(prepared, 'test', fold='mine')
    assert cases(dataset) == ['PANCREAS_0002', 'PANCREAS_0003']
    with pytest.raises(ValueError, match='has the folds mine; there is no 0'):
        PancreasCTDataset(prepared, 'train')


def test_neighbours_reach_the_packed_sample(phantom):
    affine = dict(type='RandomCTAffine', rotation=0, scale=0, shift=0)
    pipeline = [dict(LOAD[0], neighbours=2), LOAD[1], MASK[0], affine, MASK[1], PACK]
    packed = PancreasCTDataset(phantom, 'all', pipeline=pipeline)[12]  # the first of case 2
    volume = nib.load(phantom / 'imagesTr/PANCREAS_0002_0000.nii').get_fdata()
    grey = ((volume[..., [0, 0, 0, 1, 2]] + 100) * 255 / 340).clip(0, 255)
    np.testing.assert_allclose(packed['inputs'], grey.transpose(2, 1, 0), atol=1e-3)
    sample = packed['data_samples']
    assert (sample.case, sample.slice_index) == ('PANCREAS_0002', 0) and len(sample.spacing) == 3


def test_masks_are_resized_with_the_image_or_keep_their_size(phantom):
    resize = dict(type='ResizeSlice', scale=(32, 32))
    random = [dict(type='RandomCTAffine'), dict(type='RandomIntensity')]
    train = [*LOAD, MASK[0], resize, *random, MASK[1], PACK]
    test = [*LOAD, resize, *MASK, PACK]
    for pipeline, size in ((train, (32, 32)), (test, (40, 48))):
        dataset = PancreasCTDataset(phantom, 'all', slices='foreground', pipeline=pipeline)
        info, packed = dataset.get_data_info(3), dataset[3]
        image, sample = packed['inputs'], packed['data_samples']
        assert image.shape == (1, 32, 32) and image.dtype.is_floating_point
        assert image.min() >= 0 and image.max() <= 255
        assert sample.gt_sem_seg.data.shape == (1, *size)
        assert (sample.ori_shape, sample.img_shape) == ((40, 48), (32, 32))
    label = np.asarray(nib.load(info['seg_map_path']).dataobj)[..., info['slice_index']].T
    np.testing.assert_array_equal(sample.gt_sem_seg.data[0], label)


def test_sha256_covers_the_split(prepared):
    before = [PancreasCTDataset(prepared, 'val', fold).sha256() for fold in (0, 1)]
    assert before[0] != before[1]
    path = prepared / 'labelsTr/PANCREAS_0001.nii'
    path.write_bytes(path.read_bytes()[:-1] + b'\1')
    after = [PancreasCTDataset(prepared, 'val', fold).sha256() for fold in (0, 1)]
    assert after[0] != before[0] and after[1] == before[1]


def test_classes_follow_the_description(organs):
    dataset = PancreasCTDataset(organs, pipeline=[*LOAD, *MASK, PACK])
    assert dataset.metainfo['classes'] == ('background', 'liver', 'spleen', 'pancreas')
    palette = dataset.metainfo['palette']
    assert palette[:2] == [[0, 0, 0], [232, 89, 12]] and len({*map(tuple, palette)}) == 4
    assert dataset.name == 'organs'
    oracle = np.asarray(nib.load(organs / 'labelsTr/a.nii').dataobj)
    for k in range(6):
        sample = dataset[k]['data_samples']
        np.testing.assert_array_equal(sample.gt_sem_seg.data[0], oracle[..., k].T)
        assert (len(sample.gt_instances) > 0) == (k > 0)
    describe(organs, {'Clear Label': 0, **{k: v for k, v in LABELS.items() if v}}, name='mine')
    dataset = PancreasCTDataset(organs)
    assert dataset.metainfo['classes'] == ('background', 'liver', 'spleen', 'pancreas')
    assert dataset.name == 'mine'


def test_selected_classes_leave_the_others_to_the_background(organs):
    classes = ('background', 'pancreas', 'spleen')
    select = dict(pipeline=[*LOAD, *MASK, PACK], slices='foreground')
    dataset = PancreasCTDataset(organs, **select, metainfo=dict(classes=classes))
    everything = PancreasCTDataset(organs)
    assert dataset.metainfo['classes'] == classes
    assert dataset.metainfo['palette'] == [everything.metainfo['palette'][k] for k in (0, 3, 2)]
    # Slice 1 holds liver alone, so it is empty now.
    assert [number for _, number in slices_of(dataset)] == [2, 3, 4, 5]
    oracle = np.asarray(nib.load(organs / 'labelsTr/a.nii').dataobj)[..., 2].T
    expected = np.select([oracle == 3, oracle == 2], [1, 2])
    np.testing.assert_array_equal(dataset[0]['data_samples'].gt_sem_seg.data[0], expected)
    describe(organs, {'background': 0, 'liver': 1})
    with pytest.raises(ValueError, match=r'a.nii: mask values must be in \[0, 1\], found \[2, 3\]'):
        PancreasCTDataset(organs, pipeline=select['pipeline'])[3]


def classes(*names):
    return dict(metainfo=dict(classes=names))


@pytest.mark.parametrize('arguments, message', [
    (dict(split='test'), "fold 0 has no 'test' list of cases, it has train, val"),
    (dict(slices='some'), "slices must be 'all' or 'foreground', got 'some'"),
    (dict(fold=4), 'splits_final.json has the folds 0, 1, 2, 3; there is no 4'),
    (dict(empty_ratio=0.5), "empty_ratio must not be negative, and needs slices='foreground'"),
    (dict(slices='foreground', empty_ratio=-1), 'empty_ratio must not be negative.*_ratio=-1'),
    (classes('background', 'kidney'), "classes must be 'background' and then some of .'pancreas'"),
    (classes('pancreas', 'background'), "classes must be 'background' and then"),
    (classes('background'), "classes must be 'background' and then"),
    (classes('background', 'pancreas', 'pancreas'), "classes must be .* each once, got"),
])  # fmt: skip
def test_bad_arguments(phantom, arguments, message):
    with pytest.raises(ValueError, match=message):
        PancreasCTDataset(phantom, **arguments)


@pytest.mark.parametrize('labels', [
    {'0': 'background', '1': 'liver'}, {'background': 0, 'all': [1, 2]}, {'background': 0}, None,
    {'liver': 0, 'background': 1}, {'background': 0, 'liver': 2}, {'other': 0, 'ignore': 1},
])  # fmt: skip
def test_bad_labels(organs, labels):
    describe(organs, labels)
    message = "dataset.json: 'labels' must map names to the numbers 0, 1, 2 .*prepare_nnunet.py"
    with pytest.raises(ValueError, match=message):
        PancreasCTDataset(organs)


@pytest.mark.parametrize('content, message', [
    ('{', 'dataset.json is not valid JSON'),
    ('[]', 'dataset.json must hold a JSON dict'),
    ('{"file_ending": ".nii.gz"}', "'file_ending' must be .nii, got .nii.gz"),
])  # fmt: skip
def test_bad_description(prepared, content, message):
    (prepared / 'dataset.json').write_text(content)
    with pytest.raises(ValueError, match=message):
        PancreasCTDataset(prepared)


def test_missing_data(prepared):
    with pytest.raises(FileNotFoundError, match='nowhere/dataset.json does not exist. data_root'):
        PancreasCTDataset(prepared / 'nowhere')
    path = prepared / 'splits_final.json'
    path.write_text(json.dumps([{'train': ['PANCREAS_0099'], 'val': []}, {}]))
    with pytest.raises(FileNotFoundError, match='names cases .*: PANCREAS_0099'):
        PancreasCTDataset(prepared, 'train')
    with pytest.raises(ValueError, match="split 'val', fold 0 of .* is empty"):
        PancreasCTDataset(prepared, 'val')
    path.unlink()
    assert len(PancreasCTDataset(prepared, 'all')) == 48
    with pytest.raises(FileNotFoundError, match='splits_final.json does not exist'):
        PancreasCTDataset(prepared)


@pytest.mark.parametrize('lost', ['labelsTr/PANCREAS_0002.nii', 'imagesTr/PANCREAS_0002_0000.nii'])
def test_unpaired_volumes(prepared, lost):
    (prepared / lost).unlink()
    with pytest.raises(FileNotFoundError, match=r'1 image\(s\) without mask or .*PANCREAS_0002'):
        PancreasCTDataset(prepared)


@pytest.mark.parametrize('slices, message', [
    (11, r'PANCREAS_0001.nii is \(48, 40, 11\), its image'),
    (12, "split 'val' of .* holds no pancreas"),
])  # fmt: skip
def test_labels_that_do_not_fit(prepared, slices, message):
    label = nib.Nifti1Image(np.zeros((48, 40, slices), np.uint8), np.eye(4))
    nib.save(label, prepared / 'labelsTr/PANCREAS_0001.nii')
    with pytest.raises(ValueError, match=message):
        PancreasCTDataset(prepared, 'val', slices='foreground')


@pytest.mark.parametrize('change', [lambda hu: hu + 1024, lambda hu: hu / 1000])
def test_volumes_that_are_no_hu(prepared, change):
    """Of a set that no preparation has looked at: one file in another scale is named."""
    path = sorted(prepared.glob('imagesTr/*'))[1]
    image = nib.load(path)
    nib.save(nib.Nifti1Image(change(image.get_fdata()).astype(np.float32), image.affine), path)
    with pytest.raises(ValueError, match=rf'{path.name}: .* are no HU.* assume_hu=True'):
        PancreasCTDataset(data_root=str(prepared), split='all')
    assert len(PancreasCTDataset(data_root=str(prepared), split='all', assume_hu=True)) == 48
    (prepared / 'preparation.json').touch()
    assert len(PancreasCTDataset(data_root=str(prepared), split='all')) == 48
