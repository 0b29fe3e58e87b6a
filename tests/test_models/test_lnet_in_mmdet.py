"""L-Net under MMDetection's ``SingleStageDetector`` is the same net: losses and boxes are equal."""

import copy

import numpy as np
import pytest
import torch
from helpers import batch, localizer
from mmengine.registry import MODELS, DefaultScope, init_default_scope

pytestmark = pytest.mark.mmdet
BOXES = ((20, 24, 50, 60), None, (40, 30, 84, 62))


@pytest.fixture
def nets(request):
    """L-Net, and the same as a detector, with equal weights; options of the head by parameter."""
    pytest.importorskip('mmcv._ext', reason='mmcv has no compiled ops')
    init_default_scope('mmseg')
    torch.manual_seed(0)
    cfg = localizer(norm_cfg=dict(type='BN'), test_cfg=dict(score_thr=0.5, vote=True))
    cfg['head'].update(getattr(request, 'param', {}))
    lnet = MODELS.build(copy.deepcopy(cfg))
    with DefaultScope.overwrite_default_scope('mmdet'):
        detector = MODELS.build(
            dict(
                type='SingleStageDetector',
                backbone=cfg['backbone'],
                neck=cfg['neck'],
                bbox_head=cfg['head'],
                test_cfg=cfg['head'].pop('test_cfg'),
            )
        )
    weights = {key.replace('head.', 'bbox_head.', 1): v for key, v in lnet.state_dict().items()}
    detector.load_state_dict(weights)
    return lnet, detector


def det_samples(samples):
    from mmdet.structures import DetDataSample

    meta = dict(scale_factor=(1.0, 1.0))
    return [DetDataSample(metainfo=s.metainfo | meta, gt_instances=s.gt_instances) for s in samples]


def test_parts_are_those_of_mmdetection(nets):
    lnet, detector = nets
    assert type(detector.backbone).__module__.startswith('mmdet.')
    assert type(detector.bbox_head.loss_bbox).__module__.startswith('mmdet.')
    assert type(detector.bbox_head) is type(lnet.head)


def check_losses(nets, inputs, samples, names):
    ours, theirs = nets[0].loss(inputs, samples), nets[1].loss(inputs, det_samples(samples))
    assert set(ours) == set(theirs) == names
    for key, value in ours.items():
        assert value > 0.01
        assert theirs[key].item() == pytest.approx(value.item(), rel=1e-6), key


def check_boxes(nets, inputs, samples, at_least):
    lnet, detector = (net.eval() for net in nets)
    with torch.no_grad():
        ours = lnet.predict(inputs, samples)
        theirs = detector.predict(inputs, det_samples(samples))
    assert sum(map(len, ours)) >= at_least
    for found, sample in zip(ours, theirs, strict=True):
        assert torch.equal(found.bboxes, sample.pred_instances.bboxes)
        assert torch.equal(found.scores, sample.pred_instances.scores)


def test_losses_and_boxes_are_equal(nets):
    check_losses(nets, *batch(BOXES), {'loss_cls', 'loss_bbox'})
    check_boxes(nets, *batch(BOXES), at_least=4)


@pytest.mark.parametrize('nets', [dict(loss_mask=dict(type='FocalDiceLoss'))], indirect=True)
@pytest.mark.parametrize('kind', ['bitmap', 'polygon'])
def test_a_mask_beside_the_boxes(nets, kind):
    """Masks of instances in place of a map of labels; of whole pixels they are the same."""
    from mmdet.structures.mask import BitmapMasks, PolygonMasks

    inputs, samples = batch(BOXES)
    for sample, box in zip(samples, BOXES, strict=True):
        sample.gt_sem_seg.data.zero_()
        polygons, size = [], sample.gt_sem_seg.data.shape[-2:]
        if box:
            x1, y1, x2, y2 = box
            sample.gt_sem_seg.data[:, y1:y2, x1:x2] = 1
            polygons.append([np.array([x1, y1, x2, y1, x2, y2, x1, y2], float)])
        masks = PolygonMasks(polygons, *size)
        sample.gt_instances.masks = masks if kind == 'polygon' else masks.to_bitmap()
        assert isinstance(masks.to_bitmap(), BitmapMasks)
    check_losses(nets, inputs, samples, {'loss_cls', 'loss_bbox', 'loss_mask'})
    for head in (nets[0].head, nets[1].bbox_head):
        torch.nn.init.constant_(head.mask.logits[-1].bias, 1.0)
    check_boxes(nets, inputs, samples, at_least=2)
