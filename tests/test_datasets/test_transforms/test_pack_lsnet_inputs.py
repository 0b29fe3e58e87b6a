import numpy as np
import torch
from mmseg.structures import SegDataSample

from lsnet_mm.datasets import PackLSNetInputs


def results(**kwargs):
    return dict(
        img=np.zeros((4, 6, 3), np.float32),
        gt_seg_map=np.ones((8, 12), np.uint8),
        img_path='a.nii', case='a', slice_index=5, spacing=(0.7, 0.8, 1.0),
        ori_shape=(8, 12), img_shape=(4, 6), unknown=1, **kwargs,
    )  # fmt: skip


def test_packs_boxes_and_metainfo():
    boxes = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
    packed = PackLSNetInputs()(results(gt_bboxes=boxes, gt_bboxes_labels=np.zeros(2, np.int64)))
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 4, 6)
    assert isinstance(sample, SegDataSample)
    assert sample.gt_sem_seg.data.shape == (1, 8, 12)
    assert sample.gt_sem_seg.data.dtype == torch.int64
    assert sample.gt_instances.bboxes.dtype == torch.float32
    assert sample.gt_instances.bboxes.tolist() == boxes.tolist()
    assert sample.gt_instances.labels.dtype == torch.int64
    assert (sample.case, sample.slice_index, sample.spacing) == ('a', 5, (0.7, 0.8, 1.0))
    assert 'unknown' not in sample.metainfo and 'flip' not in sample.metainfo


def test_no_object():
    empty = dict(gt_bboxes=np.zeros((0, 4), np.float32), gt_bboxes_labels=np.zeros(0, np.int64))
    instances = PackLSNetInputs()(results(**empty))['data_samples'].gt_instances
    assert len(instances) == 0 and instances.bboxes.shape == (0, 4)


def test_without_boxes():
    assert 'gt_instances' not in PackLSNetInputs()(results())['data_samples']


def test_a_grey_slice_is_one_channel():
    grey = np.arange(24, dtype=np.float32).reshape(4, 6)
    packed = PackLSNetInputs()(results() | dict(img=grey))['inputs']
    assert torch.equal(packed, torch.from_numpy(grey)[None])
