import json
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from lsnet_mm.experiments.phantom import make_case, write_prepared
from lsnet_mm.preparation import contiguous_folds

SMALL = (40, 32, 8)


@pytest.fixture(scope='module')
def cases():
    return [make_case(0, case) for case in range(1, 13)]


def test_same_seed_and_case_same_volume():
    first, again = make_case(3, 1, SMALL), make_case(3, 1, SMALL)
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    for other in (make_case(3, 2, SMALL), make_case(4, 1, SMALL)):
        assert not np.array_equal(first[0], other[0])
        assert not np.array_equal(first[1], other[1])


def test_areas_are_like_those_of_the_real_data(cases):
    for volume, label, spacing in cases:
        assert volume.dtype == np.int16 and label.dtype == np.uint8
        assert volume.shape == label.shape == (128, 128, 24)
        assert volume.min() >= -1024 and set(np.unique(label)) == {0, 1}
        assert 2.5 < spacing[0] == spacing[1] < 3.4 and 4.5 < spacing[2] < 6.3
    areas = np.array([label.sum(axis=(0, 1)) for _, label, _ in cases])
    assert not areas[:, [0, -1]].any()  # no pancreas in the first and the last slice
    share = (areas > 0).mean(axis=1)
    assert (share > 0.3).all() and (share < 0.55).all() and 0.36 < share.mean() < 0.5
    present = areas[areas > 0]
    assert present.max() >= 100 * present.min()
    assert present.max() < 0.03 * 128 * 128
    slices = [label[..., k] for _, label, _ in cases for k in range(24) if label[..., k].any()]
    pieces = np.array([ndimage.label(label, np.ones((3, 3)))[1] for label in slices])
    assert 0.05 < (pieces > 1).mean() < 0.5  # some slices hold two pieces


def test_contrast_is_learnable_but_not_given(cases):
    for volume, label, _ in cases:
        inside = volume[label == 1]
        assert 75 < np.median(inside) < 110
        ring = ndimage.binary_dilation(label, iterations=2) & (label == 0)
        assert np.median(inside) - np.median(volume[ring]) > 15
        # Organs of the same values lie elsewhere: a threshold finds far more than the pancreas.
        low, high = np.percentile(inside, (10, 90))
        alike = (volume >= low) & (volume <= high)
        assert alike.sum() > 5 * label.sum()


@pytest.mark.parametrize('shape, organs', [((8, 8, 8), 1), ((64, 64), 1), (SMALL, 3)])
def test_what_cannot_be(shape, organs):
    with pytest.raises(ValueError, match='make_case: '):
        make_case(0, 0, shape, organs)


def test_folds_are_contiguous():
    folds = contiguous_folds([f'c{k:02d}' for k in range(10)], 4)
    assert [len(fold['val']) for fold in folds] == [3, 3, 2, 2]
    assert sum((fold['val'] for fold in folds), []) == [f'c{k:02d}' for k in range(10)]
    assert all(len({*fold['train'], *fold['val']}) == 10 for fold in folds)


def test_written_set_is_what_make_case_gives(tmp_path):
    out = write_prepared(tmp_path / 'deep' / 'out', 4, SMALL, seed=5)
    assert len(list((out / 'imagesTr').iterdir())) == 4
    volume, label, spacing = make_case(5, 2, SMALL)
    image = nib.load(out / 'imagesTr/PANCREAS_0002_0000.nii')
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), volume)
    assert image.get_data_dtype() == np.int16
    np.testing.assert_allclose(image.header.get_zooms(), spacing, rtol=1e-6)
    assert nib.aff2axcodes(image.affine) == ('L', 'A', 'S')
    mask = nib.load(out / 'labelsTr/PANCREAS_0002.nii')
    np.testing.assert_array_equal(np.asanyarray(mask.dataobj), label)
    description = json.loads((out / 'dataset.json').read_text())
    assert description['numTraining'] == 4 and description['name'] == 'phantom'
    assert [path.name for path in out.parent.iterdir()] == ['out']


def test_only_a_data_set_is_overwritten(tmp_path):
    write_prepared(tmp_path / 'out', 5, SMALL)
    with pytest.raises(FileExistsError, match='out is not empty.*--overwrite'):
        write_prepared(tmp_path / 'out', 4, SMALL)
    write_prepared(tmp_path / 'out', 4, SMALL, overwrite=True)
    assert len(list((tmp_path / 'out/imagesTr').iterdir())) == 4
    (tmp_path / 'out/thesis.txt').write_text('precious')
    with pytest.raises(FileExistsError, match=r'more than a prepared data set \(thesis.txt\)'):
        write_prepared(tmp_path / 'out', 4, SMALL, overwrite=True)
    with pytest.raises(FileExistsError, match='thesis.txt is a file'):
        write_prepared(tmp_path / 'out/thesis.txt', 4, SMALL)
    with pytest.raises(ValueError, match='4 folds need 4 cases, got 3'):
        write_prepared(tmp_path / 'few', 3, SMALL)


def test_command_line(tmp_path):
    tool = Path(__file__).parents[3] / 'tools' / 'make_phantom.py'
    command = [sys.executable, str(tool), str(tmp_path / 'out'), '--cases', '4', '--size', '32']
    command += ['--slices', '8']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 'Wrote 4 cases' in done.stdout
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 1
    assert 'is not empty. Name another folder or pass --overwrite' in again.stderr
