import json

import nibabel as nib
import numpy as np
import pytest

from lsnet_mm.datasets import PancreasCTDataset

PIPELINE = [
    dict(type='LoadCTSlice'),
    dict(type='LoadCTMask'),
    dict(type='HUWindow'),
    dict(type='BoxesFromMask', min_area=1),
    dict(type='PackLSNetInputs'),
]
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
    folds = [{'train': ['a'], 'val': ['b']}]
    (root / 'splits_final.json').write_text(json.dumps(folds))
    return root


def describe(root, labels, **more):
    (root / 'dataset.json').write_text(
        json.dumps({'labels': labels, 'file_ending': '.nii', **more})
    )


def test_classes_follow_the_description(organs):
    dataset = PancreasCTDataset(organs, pipeline=PIPELINE)
    assert dataset.metainfo['classes'] == ('background', 'liver', 'spleen', 'pancreas')
    palette = dataset.metainfo['palette']
    assert palette[:2] == [[0, 0, 0], [230, 60, 60]] and len({*map(tuple, palette)}) == 4
    assert dataset.name == 'organs'
    oracle = np.asarray(nib.load(organs / 'labelsTr/a.nii').dataobj)
    for k in range(6):
        sample = dataset[k]['data_samples']
        np.testing.assert_array_equal(sample.gt_sem_seg.data[0], oracle[..., k].T)
        assert (len(sample.gt_instances) > 0) == (k > 0)


def test_selected_classes_leave_the_others_to_the_background(organs):
    classes = ('background', 'pancreas', 'spleen')
    select = dict(pipeline=PIPELINE, slices='foreground', metainfo=dict(classes=classes))
    dataset = PancreasCTDataset(organs, **select)
    everything = PancreasCTDataset(organs)
    assert dataset.metainfo['classes'] == classes
    assert dataset.metainfo['palette'] == [everything.metainfo['palette'][k] for k in (0, 3, 2)]
    # Slice 1 holds liver alone, so it is empty now.
    assert [dataset.get_data_info(i)['slice_index'] for i in range(len(dataset))] == [2, 3, 4, 5]
    oracle = np.asarray(nib.load(organs / 'labelsTr/a.nii').dataobj)[..., 2].T
    expected = np.select([oracle == 3, oracle == 2], [1, 2])
    np.testing.assert_array_equal(dataset[0]['data_samples'].gt_sem_seg.data[0], expected)


def test_values_beyond_the_description(organs):
    describe(organs, {'background': 0, 'liver': 1})
    with pytest.raises(ValueError, match=r'a.nii: mask values must be in \[0, 1\], found \[2, 3\]'):
        PancreasCTDataset(organs, pipeline=PIPELINE)[3]


@pytest.mark.parametrize('classes', [
    ('background', 'kidney'), ('liver', 'spleen'), ('background',),
    ('background', 'liver', 'liver'),
])  # fmt: skip
def test_bad_classes(organs, classes):
    with pytest.raises(ValueError, match="classes must be 'background' and then some of .'liver'"):
        PancreasCTDataset(organs, metainfo=dict(classes=classes))


@pytest.mark.parametrize('labels, message', [
    ({'0': 'background', '1': 'liver'}, 'must map names to values.*not values to names'),
    ({'background': 0, 'all': [1, 2]}, '.*regions of several are not supported'),
    ({'liver': 0, 'background': 1}, 'must hold background as 0'),
    ({'background': 0, 'liver': 2}, 'must be numbered 0, 1, 2 and so on without gaps'),
    ({'background': 0, 'liver': 1, 'ignore': 2}, 'must not hold ignore'),
    ({'background': 0}, 'must name background and at least one class'),
    (None, 'must name background and at least one class.*got None.*prepare_nnunet.py'),
])  # fmt: skip
def test_bad_labels(organs, labels, message):
    describe(organs, labels)
    with pytest.raises(ValueError, match=f"dataset.json: 'labels' {message}"):
        PancreasCTDataset(organs)


def test_background_by_any_name(organs):
    describe(organs, {'Clear Label': 0, 'liver': 1, 'spleen': 2, 'pancreas': 3})
    dataset = PancreasCTDataset(organs)
    assert dataset.metainfo['classes'] == ('background', 'liver', 'spleen', 'pancreas')


def test_a_name_of_its_own(organs):
    describe(organs, LABELS, name='organs of mine')
    assert PancreasCTDataset(organs).name == 'organs of mine'
