import json

import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.datasets import PancreasCTDataset

LOAD = [dict(type='LoadCTSlice'), dict(type='HUWindow')]
MASK = [dict(type='LoadCTMask'), dict(type='BoxesFromMask'), dict(type='PackLSNetInputs')]
RESIZE = [dict(type='ResizeSlice', scale=(32, 32))]


def cases(dataset):
    return sorted({dataset.get_data_info(i)['case'] for i in range(len(dataset))})


def test_splits_and_folds(phantom):
    val = [PancreasCTDataset(phantom, 'val', fold) for fold in range(4)]
    assert [cases(d) for d in val] == [[f'PANCREAS_000{k}'] for k in range(1, 5)]
    train = PancreasCTDataset(phantom, 'train', fold=3)
    assert cases(train) == ['PANCREAS_0001', 'PANCREAS_0002', 'PANCREAS_0003']
    assert len(train) == 36 and len(PancreasCTDataset(phantom, 'all')) == 48
    assert (train.split, train.name) == ('train', 'phantom')


def test_records_are_in_slice_order(phantom):
    dataset = PancreasCTDataset(phantom, 'val', fold=1)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [info['slice_index'] for info in infos] == list(range(12))
    zooms = nib.load(infos[0]['img_path']).header.get_zooms()
    assert infos[0]['spacing'] == pytest.approx((zooms[1], zooms[0], zooms[2]))


def test_foreground_slices_only(phantom):
    dataset = PancreasCTDataset(phantom, 'val', fold=0, slices='foreground')
    label = nib.load(phantom / 'labelsTr/PANCREAS_0001.nii').get_fdata()
    found = [dataset.get_data_info(i)['slice_index'] for i in range(len(dataset))]
    assert found == np.flatnonzero(label.any(axis=(0, 1))).tolist()


def slices_of(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(info['case'], info['slice_index']) for info in infos]


def test_empty_slices_are_drawn_at_a_ratio(phantom):
    def drawn(ratio, **kwargs):
        return slices_of(
            PancreasCTDataset(phantom, slices='foreground', empty_ratio=ratio, **kwargs)
        )

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
    pipeline = [dict(type='LoadCTSlice', neighbours=2), *LOAD[1:], *MASK[:1],
                dict(type='RandomCTAffine', rotation=0, scale=0, shift=0), *MASK[1:]]  # fmt: skip
    packed = PancreasCTDataset(phantom, 'all', pipeline=pipeline)[12]  # the first of case 2
    volume = nib.load(phantom / 'imagesTr/PANCREAS_0002_0000.nii').get_fdata()
    grey = ((volume[..., [0, 0, 0, 1, 2]] + 100) * 255 / 340).clip(0, 255)
    np.testing.assert_allclose(packed['inputs'], grey.transpose(2, 1, 0), atol=1e-3)
    sample = packed['data_samples']
    assert (sample.case, sample.slice_index) == ('PANCREAS_0002', 0) and len(sample.spacing) == 3


def test_indices_take_a_subset(phantom):
    assert len(PancreasCTDataset(phantom, 'all', indices=8)) == 8
    picked = PancreasCTDataset(phantom, 'all', indices=[13])
    assert picked.get_data_info(0)['slice_index'] == 1


def test_name_of_unnamed_data(prepared, edit_json):
    edit_json(prepared / 'dataset.json', lambda c: {k: v for k, v in c.items() if k != 'name'})
    assert PancreasCTDataset(prepared, 'all').name == 'pancreas_ct'


def test_training_pipeline_resizes_image_and_mask(phantom):
    random = [dict(type='RandomCTAffine'), dict(type='RandomIntensity')]
    pipeline = LOAD + MASK[:1] + RESIZE + random + MASK[1:]
    dataset = PancreasCTDataset(phantom, 'all', slices='foreground', pipeline=pipeline)
    packed = dataset[len(dataset) // 2]
    image, sample = packed['inputs'], packed['data_samples']
    assert image.shape == (1, 32, 32) and image.dtype.is_floating_point
    assert image.min() >= 0 and image.max() <= 255
    assert sample.gt_sem_seg.data.shape == (1, 32, 32)
    assert (sample.ori_shape, sample.img_shape) == ((40, 48), (32, 32))


def test_resizing_averages_hu(phantom):
    half = dict(type='ResizeSlice', scale=(24, 20))
    plain, halved = (
        PancreasCTDataset(phantom, 'all', pipeline=LOAD + steps)[6]['img'] for steps in ([], [half])
    )
    assert halved.dtype == np.float32
    np.testing.assert_allclose(halved, plain.reshape(20, 2, 24, 2).mean((1, 3)), atol=1e-3)


def test_test_pipeline_keeps_the_mask_at_its_size(phantom):
    dataset = PancreasCTDataset(phantom, 'all', slices='foreground', pipeline=LOAD + RESIZE + MASK)
    info, packed = dataset.get_data_info(3), dataset[3]
    label = np.asarray(nib.load(info['seg_map_path']).dataobj)[..., info['slice_index']].T
    assert packed['inputs'].shape == (1, 32, 32)
    np.testing.assert_array_equal(packed['data_samples'].gt_sem_seg.data[0], label)
    rows, columns = np.nonzero(label)
    boxes = packed['data_samples'].gt_instances.bboxes.numpy()
    assert (boxes[:, :2] >= [columns.min(), rows.min()]).all()
    assert (boxes[:, 2:] <= [columns.max() + 1, rows.max() + 1]).all()


def test_sha256_covers_the_split(prepared):
    before = [PancreasCTDataset(prepared, 'val', fold).sha256() for fold in (0, 1)]
    assert before[0] != before[1]
    path = prepared / 'labelsTr/PANCREAS_0001.nii'
    path.write_bytes(path.read_bytes()[:-1] + b'\1')
    after = [PancreasCTDataset(prepared, 'val', fold).sha256() for fold in (0, 1)]
    assert after[0] != before[0] and after[1] == before[1]


def test_bad_arguments(phantom):
    with pytest.raises(ValueError, match="fold 0 has no 'test' list of cases, it has train, val"):
        PancreasCTDataset(phantom, 'test')
    with pytest.raises(ValueError, match="slices must be one of .*, got 'some'"):
        PancreasCTDataset(phantom, slices='some')
    with pytest.raises(
        ValueError, match='splits_final.json has the folds 0, 1, 2, 3; there is no 4'
    ):
        PancreasCTDataset(phantom, fold=4)
    with pytest.raises(ValueError, match="empty_ratio must not be negative, and needs slices='fo"):
        PancreasCTDataset(phantom, empty_ratio=0.5)
    with pytest.raises(ValueError, match='empty_ratio must not be negative.*empty_ratio=-1'):
        PancreasCTDataset(phantom, slices='foreground', empty_ratio=-1)


def test_missing_data(prepared):
    with pytest.raises(FileNotFoundError, match='data_root .*nowhere does not exist'):
        PancreasCTDataset(prepared / 'nowhere')
    (prepared / 'splits_final.json').unlink()
    assert len(PancreasCTDataset(prepared, 'all')) == 48
    with pytest.raises(FileNotFoundError, match='splits_final.json does not exist'):
        PancreasCTDataset(prepared)
    (prepared / 'dataset.json').unlink()
    with pytest.raises(FileNotFoundError, match='dataset.json does not exist.*nnU-Net layout'):
        PancreasCTDataset(prepared)


@pytest.mark.parametrize('content, message', [
    ('{', 'dataset.json is not valid JSON'),
    ('[]', 'dataset.json must hold a JSON dict'),
    ('{"file_ending": ".nii"}', "dataset.json: 'labels' must name background and at least one"),
])  # fmt: skip
def test_bad_description(prepared, content, message):
    (prepared / 'dataset.json').write_text(content)
    with pytest.raises(ValueError, match=message):
        PancreasCTDataset(prepared)


def test_compressed_data(prepared, edit_json):
    edit_json(prepared / 'dataset.json', lambda c: {**c, 'file_ending': '.nii.gz'})
    with pytest.raises(ValueError, match="'file_ending' must be .nii, got .nii.gz"):
        PancreasCTDataset(prepared)


def test_bad_splits(prepared):
    path = prepared / 'splits_final.json'
    path.write_text(json.dumps([{'train': ['PANCREAS_0099'], 'val': []}, {}]))
    with pytest.raises(FileNotFoundError, match='names cases .*: PANCREAS_0099'):
        PancreasCTDataset(prepared, 'train')
    with pytest.raises(ValueError, match="split 'val', fold 0 of .* is empty"):
        PancreasCTDataset(prepared, 'val')
    with pytest.raises(ValueError, match="fold 1 has no 'train' list"):
        PancreasCTDataset(prepared, fold=1)


@pytest.mark.parametrize('lost, message', [
    ('labelsTr/PANCREAS_0002.nii', r'1 image\(s\) without mask: .*PANCREAS_0002_0000.nii'),
    ('imagesTr/PANCREAS_0002_0000.nii', r'1 mask\(s\) without image: .*PANCREAS_0002.nii'),
])  # fmt: skip
def test_unpaired_volumes(prepared, lost, message):
    (prepared / lost).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        PancreasCTDataset(prepared)


def test_volumes_of_other_shape(prepared):
    label = nib.Nifti1Image(np.zeros((48, 40, 11), np.uint8), np.eye(4))
    nib.save(label, prepared / 'labelsTr/PANCREAS_0001.nii')
    with pytest.raises(ValueError, match=r'PANCREAS_0001.nii is \(48, 40, 11\), its image'):
        PancreasCTDataset(prepared, 'all')


def test_no_pancreas_at_all(prepared):
    label = nib.Nifti1Image(np.zeros((48, 40, 12), np.uint8), np.eye(4))
    nib.save(label, prepared / 'labelsTr/PANCREAS_0001.nii')
    with pytest.raises(ValueError, match="split 'val' of .* holds no pancreas"):
        PancreasCTDataset(prepared, 'val', slices='foreground')
