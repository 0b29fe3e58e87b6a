"""COCO's form of masks and boxes, by hand."""

import numpy as np
import pytest

from lsnet_mm.preparation.coco import coco_annotations, uncompressed_rle

MASK = np.array([[0, 0, 1, 0], [0, 1, 1, 0], [0, 0, 0, 2]], np.uint8)


def test_runs_go_down_the_columns_and_begin_with_0():
    assert uncompressed_rle(MASK) == dict(size=[3, 4], counts=[4, 1, 1, 2, 3, 1])
    assert uncompressed_rle(1 - np.minimum(MASK, 1))['counts'] == [0, 4, 1, 1, 2, 3, 1]
    assert uncompressed_rle(np.zeros((2, 3)))['counts'] == [6]


def test_a_box_holds_what_lies_in_it():
    boxes = np.array([[1, 0, 3, 2], [3, 2, 4, 3]], np.float32)
    first, second = coco_annotations(MASK, boxes, image_id=7, first_id=5)
    assert first == dict(
        id=5,
        image_id=7,
        category_id=1,
        bbox=[1, 0, 2, 2],
        area=3,
        iscrowd=0,
        segmentation=dict(size=[3, 4], counts=[4, 1, 1, 2, 4]),
    )
    assert (second['id'], second['bbox'], second['area']) == (6, [3, 2, 1, 1], 1)


def test_no_box():
    assert coco_annotations(MASK, np.zeros((0, 4), np.float32), 1, 1) == []


@pytest.mark.mmdet
def test_pycocotools_reads_the_runs():
    pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')
    from pycocotools import mask as coco_mask

    rng = np.random.default_rng(0)
    for _ in range(5):
        mask = (rng.random((13, 9)) > 0.5).astype(np.uint8)
        rle = uncompressed_rle(mask)
        assert np.array_equal(coco_mask.decode(coco_mask.frPyObjects(rle, 13, 9)), mask)
