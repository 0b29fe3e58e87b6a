import numpy as np
import pytest
import torch

from lsnet_mm.datasets import PackLSNetInputs

IMAGE = np.zeros((4, 6, 3), np.float32)


def pack(img=IMAGE, **kwargs):
    info = dict(img_path='a.nii', case='a', slice_index=5, spacing=(0.7, 0.8, 1.0), unknown=1)
    info |= dict(gt_seg_map=np.ones((8, 12), np.uint8), ori_shape=(8, 12), img_shape=(4, 6))
    return PackLSNetInputs()(dict(info, img=img, **kwargs))


@pytest.mark.parametrize('boxes', [[[1, 2, 3, 4], [5, 6, 7, 8]], []])
def test_packs_boxes_and_metainfo(boxes):
    array = np.array(boxes, np.float32).reshape(-1, 4)
    packed = pack(gt_bboxes=array, gt_bboxes_labels=np.zeros(len(boxes), np.int64))
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 4, 6)
    assert sample.gt_sem_seg.data.shape == (1, 8, 12)
    assert sample.gt_sem_seg.data.dtype == torch.int64
    assert sample.gt_instances.bboxes.dtype == torch.float32
    assert sample.gt_instances.bboxes.shape == (len(boxes), 4)
    assert sample.gt_instances.bboxes.tolist() == boxes
    assert sample.gt_instances.labels.dtype == torch.int64
    assert (sample.case, sample.slice_index, sample.spacing) == ('a', 5, (0.7, 0.8, 1.0))
    assert 'unknown' not in sample.metainfo and 'flip' not in sample.metainfo


def test_a_grey_slice_without_boxes_is_one_channel():
    grey = np.arange(24, dtype=np.float32).reshape(4, 6)
    packed = pack(grey)
    assert torch.equal(packed['inputs'], torch.from_numpy(grey)[None])
    assert 'gt_instances' not in packed['data_samples']
