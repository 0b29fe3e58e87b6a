"""The pair learns: small slices by heart, from L-Net's own boxes, in a minute of CPU time."""

import pytest
import torch
from helpers import batch, learn_by_heart, lsnet

from lsnet_mm.evaluation.boxes import union_box_iou

BOXES = ((12, 18, 44, 52), (40, 30, 84, 62), (26, 50, 50, 88), (50, 10, 88, 40))


@pytest.mark.slow
def test_pair_overfits_four_slices():
    inputs, samples = batch(BOXES)
    torch.manual_seed(0)
    model = lsnet(head=dict(norm_cfg=dict(type='BN')), gamma=0.1)
    model.init_weights()
    predicted = learn_by_heart(model, inputs, samples, lr=3e-3, steps=120)
    for sample, box in zip(predicted, BOXES, strict=True):
        found, truth = sample.pred_sem_seg.data, sample.gt_sem_seg.data
        dice = 2 * (found * truth).sum() / (found.sum() + truth.sum())
        assert union_box_iou(sample.pred_instances.bboxes, torch.tensor([box])) > 0.8
        assert dice > 0.93
