"""A head's mask is trained on shares of the object in its cells, from either kind of samples."""

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample

from lsnet_mm.models import KPBBRHead
from lsnet_mm.models.dense_heads.mask_branch import mask_targets


def make():
    init_default_scope('mmseg')
    torch.manual_seed(0)
    head = KPBBRHead(8, feat_channels=8, loss_mask=dict(type='FocalDiceLoss'))
    head.init_weights()
    return head


def samples(masks):
    """Of label maps (H, W)."""
    return [
        SegDataSample(
            gt_sem_seg=PixelData(data=torch.as_tensor(mask)[None]),
            gt_instances=InstanceData(bboxes=torch.zeros(0, 4)),
        )
        for mask in masks
    ]


@pytest.mark.parametrize('pixels', [4, 8])  # the masks may be larger than what the head sees
def test_targets_are_shares_of_what_is_labelled(pixels):
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 1, 2, 255], (2, 5 * pixels, 6 * pixels), p=[0.5, 0.2, 0.1, 0.2])
    labels[0, :pixels, :pixels] = 255
    target, weight = mask_targets(samples(labels), torch.zeros(2, 1, 5, 6))
    blocks = labels.reshape(2, 5, pixels, 6, pixels).swapaxes(2, 3)
    valid = (blocks != 255).sum((-1, -2))
    objects = ((blocks == 1) | (blocks == 2)).sum((-1, -2))
    np.testing.assert_allclose(weight, valid / pixels**2, atol=1e-6)
    share = objects / np.maximum(valid, 1)
    share /= share.max((1, 2), keepdims=True)
    np.testing.assert_allclose(target[:, 0], share, atol=1e-6)
    assert weight[0, 0, 0] == target[0, 0, 0, 0] == 0


def test_an_object_smaller_than_a_cell_fills_one():
    """Its share of any cell is below every threshold: its mask would be a veto against itself."""
    labels = np.zeros((2, 16, 24), np.int64)
    labels[0, 7:9, 7:9] = 1  # a pixel in each of four cells
    target, weight = mask_targets(samples(labels), torch.zeros(2, 1, 4, 6))
    np.testing.assert_array_equal(
        np.argwhere(target[0, 0].numpy() == 1), [[1, 1], [1, 2], [2, 1], [2, 2]]
    )
    assert target[0].sum() == 4 and not target[1].any() and (weight == 1).all()


def test_loss_is_that_of_the_soft_target():
    """Against the formulas in numpy; ignored pixels have no say, and no gradient."""
    head, labels = make(), np.zeros((1, 80, 96), np.int64)
    labels[0, 10:30, 20:41] = 1
    labels[0, :, 60:] = 255
    logits = torch.randn(1, 1, 20, 24, requires_grad=True)
    loss = head.mask.loss(logits, samples(labels))
    known = labels[0] != 255
    y, w = (v.reshape(20, 4, 24, 4).mean((1, 3)) for v in (labels[0] * known, known))
    p = 1 / (1 + np.exp(-logits.detach().numpy()[0, 0].astype(float)))
    focal = w * np.abs(y - p) ** 2 * -(y * np.log(p) + (1 - y) * np.log(1 - p))
    dice = 1 - (2 * (w * p * y).sum() + 1e-5) / ((w * p).sum() + (w * y).sum() + 1e-5)
    assert loss.item() == pytest.approx(focal.mean() + 0.2 * dice, rel=1e-5)
    (grad,) = torch.autograd.grad(loss, logits)
    assert not grad[..., 15:].any() and grad[..., :15].all()


def test_images_without_an_object_count():
    head = make()
    x, truth = (torch.randn(2, 8, 20, 24),), samples(np.zeros((2, 80, 96), np.int64))
    torch.nn.init.constant_(head.mask.logits[-1].bias, 2.0)
    losses, rois = head.loss_and_propose(x, truth)
    assert rois.shape == (0, 5) and losses['loss_mask'] > 0.5
    losses['loss_mask'].backward()
    assert head.mask.logits[-1].bias.grad > 0


class FakeMasks:
    """What the head asks of MMDetection's masks."""

    def __init__(self, masks):
        self.masks = masks

    def __len__(self):
        return len(self.masks)

    def to_ndarray(self):
        return self.masks


def test_masks_of_instances():
    """Their union; images padded below and to the right, masks not."""
    masks = np.zeros((2, 12, 16), np.uint8)
    masks[0, :6, :6] = masks[1, 4:12, 4:8] = 1
    one = InstanceData(bboxes=torch.zeros(2, 4), masks=FakeMasks(masks))
    none = InstanceData(bboxes=torch.zeros(0, 4), masks=FakeMasks(masks[:0]))
    meta = dict(batch_input_shape=(16, 24))
    batch = [SegDataSample(metainfo=meta, gt_instances=gt) for gt in (one, none)]
    target, weight = mask_targets(batch, torch.zeros(2, 1, 4, 6))
    padded = np.zeros((16, 24))
    padded[:12, :16] = masks.any(0)
    share = padded.reshape(4, 4, 6, 4).mean((1, 3))
    np.testing.assert_allclose(target[0, 0], share / share.max(), atol=1e-6)
    assert not target[1].any() and (weight == 1).all()


def test_samples_without_masks_are_refused():
    sample = SegDataSample(gt_instances=InstanceData(bboxes=torch.zeros(0, 4)))
    with pytest.raises(ValueError, match=r'KPBBRHead: loss_mask.*with_mask=True.*leave loss_mask'):
        make().loss((torch.randn(1, 8, 20, 24),), [sample])
