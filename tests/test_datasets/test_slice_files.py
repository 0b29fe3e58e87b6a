"""Slice folders as cameras, Windows and Macs leave them."""

import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from lsnet_mm.datasets import SliceFolderDataset

PIPELINE = [dict(type='LoadImageFromFile', color_type='grayscale'), dict(type='LoadCTMask'),
            dict(type='BoxesFromMask'), dict(type='PackLSNetInputs')]  # fmt: skip


def build(root):
    init_default_scope('mmseg')
    cfg = dict(type=SliceFolderDataset, data_root=str(root), split='val', pipeline=PIPELINE)
    return DATASETS.build(cfg)


def test_more_than_8_bits_are_refused(slice_root):
    path = slice_root / 'val/images/P_02_003.png'
    Image.fromarray(np.full((20, 30), 1064, np.uint16)).save(path)
    with pytest.raises(ValueError, match='P_02_003.png has pixels of more than 8 bits .* black'):
        build(slice_root)


def test_colours_of_16_bits_are_refused(slice_root):
    cv2 = pytest.importorskip('cv2')
    path = slice_root / 'val/images/P_02_003.png'
    cv2.imwrite(str(path), np.full((20, 30, 3), 1064, np.uint16))
    with pytest.raises(ValueError, match='P_02_003.png has pixels of more than 8 bits'):
        build(slice_root)


@pytest.mark.parametrize('kind', ['images', 'masks'])
def test_empty_files_are_named(slice_root, kind):
    (slice_root / 'val' / kind / 'P_02_003.png').write_bytes(b'')
    with pytest.raises(ValueError, match=f'{kind}/P_02_003.png is no image, or empty'):
        build(slice_root)


def test_hidden_files_are_no_slices(slice_root):
    for path in [*slice_root.rglob('*.png')]:
        path.with_name(f'._{path.name}').write_bytes(b'\0\5\x16\7')
    assert len(build(slice_root)) == 1


def test_names_of_volumes_that_slices_were_cut_from(slice_root):
    for path in [*slice_root.rglob('P_02_003.png')]:
        path.rename(path.with_name('P.nii.gz_02_003.png'))
    assert build(slice_root)[0]['data_samples'].gt_sem_seg.data.sum() == 24


def test_capitals(slice_root):
    path = slice_root / 'val/masks/P_02_003.png'
    path.rename(path.with_suffix('.PNG'))
    assert build(slice_root)[0]['data_samples'].gt_sem_seg.data.sum() == 24


@pytest.mark.parametrize(
    'values, advice',
    [
        ((0, 255), 'divide by 255'),
        ((0, 1, 255), "255 seems to mean 'ignore'"),
        ((0, 9, 255), r'found \[9, 255\].$'),
    ],
)
def test_advice_for_255(slice_root, values, advice):
    mask = np.resize(np.uint8(values), (20, 30))
    Image.fromarray(mask).save(slice_root / 'val/masks/P_02_003.png')
    with pytest.raises(ValueError, match=advice):
        build(slice_root)[0]
