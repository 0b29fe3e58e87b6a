"""The pair learns: small slices by heart, from L-Net's own boxes, in a minute of CPU time."""

import pytest
import torch
from helpers import batch, lsnet

from lsnet_mm.evaluation.boxes import union_box_iou

BOXES = ((12, 18, 44, 52), (40, 30, 84, 62), (26, 50, 50, 88), (50, 10, 88, 40))


@pytest.mark.slow
def test_pair_overfits_four_slices():
    inputs, samples = batch(BOXES)
    torch.manual_seed(0)
    model = lsnet(head=dict(norm_cfg=dict(type='BN')), gamma=0.1)
    model.init_weights()
    adam = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(120):
        for mode in ('loss_localizer', 'loss_segmentor'):
            loss, _ = model.parse_losses(model(inputs, samples, mode))
            adam.zero_grad()
            loss.backward()
            adam.step()
    model.eval()
    with torch.no_grad():
        predicted = model(inputs, samples, 'predict')
    for sample, box in zip(predicted, BOXES, strict=True):
        found, truth = sample.pred_sem_seg.data, sample.gt_sem_seg.data
        dice = 2 * (found * truth).sum() / (found.sum() + truth.sum())
        assert union_box_iou(sample.pred_instances.bboxes, torch.tensor([box])) > 0.8
        assert dice > 0.93
