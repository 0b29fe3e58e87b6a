"""The pair learns: small slices by heart, from L-Net's own boxes, in a minute of CPU time."""

import pytest
import torch
from helpers import batch, learn_by_heart, lsnet

from lsnet_mm.models.dense_heads.mask_branch import hulls

BOXES = ((12, 18, 44, 52), (40, 30, 84, 62), (26, 50, 50, 88), (50, 10, 88, 40), None)


@pytest.mark.slow
def test_pair_overfits_slices():
    """By L-Net's mask alone, too, and nothing in the empty image."""
    inputs, samples = batch(BOXES)
    torch.manual_seed(0)
    head = dict(norm_cfg=dict(type='BN'), loss_mask=dict(type='FocalDiceLoss'))
    model = lsnet(head=head, gamma=0.1)
    model.init_weights()
    iou, dice = learn_by_heart(model, inputs, samples, lr=3e-3, steps=120)
    assert min(iou) > 0.8 and min(dice) > 0.93, (iou, dice)
    with torch.no_grad():
        boxes, found = hulls(model.localizer(inputs)[2], 4, 0.5)
    assert found.tolist() == [box is not None for box in BOXES]
    for hull, box in zip(boxes, BOXES[:-1], strict=False):
        assert (hull - torch.tensor(box)).abs().max() < 8
