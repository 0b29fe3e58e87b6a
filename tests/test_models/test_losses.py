"""Losses against other libraries and against values worked out by hand."""

import math

import pytest
import torch

from lsnet_mm.models import DIoULoss, FocalDiceLoss, KPBBRHead
from lsnet_mm.models.dense_heads.keypoint_coder import encode

LOG2, LOG3, LOG4 = math.log(2), math.log(3), math.log(4)
BY_HAND = {
    # logits (N, C, H, W), target, the loss's options, expected
    'focal, p = 1/2, y = 1': ([[[[0.0]]]], [[[1]]], {}, 0.25 * LOG2),
    'focal, p = 1/2, y = 0': ([[[[0.0]]]], [[[0]]], {}, 0.25 * LOG2),
    'focal, p = 3/4, y = 1': ([[[[LOG3]]]], [[[1]]], {}, 0.0625 * math.log(4 / 3)),
    'focal, p = 3/4, y = 0': ([[[[LOG3]]]], [[[0]]], {}, 0.5625 * LOG4),
    'focal, p = 1/2, y = 3/4': ([[[[0.0]]]], [[[[0.75]]]], {}, 0.0625 * LOG2),
    # Of p = 1/4 four times, and twice (1/4)^2 * 1/2 * log 4.
    'softmax': ([[[[0.0]]] * 4], [[[[0.5]], [[0.5]], [[0.0]], [[0.0]]]], {}, LOG4 / 16),
    # 1 - 2 * 1 / (2 + 2)
    'dice, half of 4 pixels': (
        [[[[0.0] * 2] * 2]],
        [[[1, 1], [0, 0]]],
        dict(dice_weight=1),
        0.25 * LOG2 + 0.5,
    ),
    # 1 - 2 * 1 / (4 + 2)
    'dice of a batch, 2 of 8 pixels': (
        [[[[0.0] * 2] * 2]] * 2,
        [[[1, 1], [0, 0]], [[0, 0], [0, 0]]],
        dict(dice_weight=1, batch_dice=True),
        0.25 * LOG2 + 2 / 3,
    ),
}


@pytest.mark.parametrize('name', BY_HAND)
def test_by_hand(name):
    logits, target, options, expected = BY_HAND[name]
    loss = FocalDiceLoss(**dict(dice_weight=0) | options)
    found = loss(torch.tensor(logits), torch.tensor(target)).item()
    assert found == pytest.approx(expected, abs=2e-6)


def test_what_is_found_in_an_empty_image_costs_in_the_dice_of_the_batch():
    """Its own Dice is 0 whatever is found, so it teaches nothing."""
    target = torch.zeros(2, 8, 8, dtype=torch.long)
    target[0, 2:5, 2:5] = 1
    for batch_dice in (False, True):
        logits = torch.zeros(2, 1, 8, 8, requires_grad=True)
        dice = FocalDiceLoss(dice_weight=1, batch_dice=batch_dice)(logits, target)
        focal = FocalDiceLoss(dice_weight=0)(logits, target)
        (grad,) = torch.autograd.grad(dice - focal, logits)
        # With I = 9 / 2 and T = 128 / 2 + 9 it is 2 I / T^2, by the sigmoid's slope of 1 / 4.
        expected = 9 / 73**2 / 4 if batch_dice else 0.0
        torch.testing.assert_close(grad[1], torch.full((1, 8, 8), expected), atol=1e-7, rtol=1e-3)


@pytest.mark.parametrize('options', [{}, dict(batch_dice=True), dict(squared=True)])
@pytest.mark.parametrize('channels, background', [(1, True), (4, True), (4, False)])
def test_agrees_with_monai(channels, background, options):
    monai = pytest.importorskip('monai.losses')
    torch.manual_seed(0)
    classes = dict(to_onehot_y=channels > 1, include_background=background)
    logits, target = torch.randn(2, channels, 16, 20), torch.randint(max(channels, 2), (2, 16, 20))
    whole = target[:, None].float()
    dice = monai.DiceLoss(
        **(dict(softmax=True) if channels > 1 else dict(sigmoid=True)) | classes,
        **dict(batch=options.get('batch_dice', False), squared_pred=options.get('squared', False)),
    )
    focal = monai.FocalLoss(gamma=2, use_softmax=channels > 1, to_onehot_y=channels > 1)
    # MONAI averages the focal loss over classes too; ours is a sum, as a softmax has it.
    theirs = channels * focal(logits, whole), dice(logits, whole)
    for weight in (0, 0.2):
        ours = FocalDiceLoss(dice_weight=weight, include_background=background, **options)
        expected = theirs[0] + weight * theirs[1]
        assert ours(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize('squared', [True, False])
def test_with_squares_the_best_heatmap_is_the_target(squared):
    """Of those between flat (0) and saturated (4). Without, a saturated one has the least loss."""
    target, _ = encode(torch.tensor([[60.0, 60, 120, 100]]), (40, 40), 4)
    target = target.double().clamp(1e-9, 1 - 1e-9)[None, None]
    sharpness = [0.25, 0.5, 0.8, 1.0, 1.25, 2.0, 4.0]
    loss = FocalDiceLoss(dice_weight=1, squared=squared)
    losses = [loss(a * target.logit(), target).item() for a in sharpness]
    best = sharpness[losses.index(min(losses))]
    assert best == 1 if squared else best > 1


def test_heads_of_heatmaps_have_squares():
    assert KPBBRHead(8).loss_cls.squared and not FocalDiceLoss().squared


@pytest.mark.parametrize('channels, background', [(1, False), (3, False), (3, True)])
def test_soft_targets_without_values_between_are_the_integers(channels, background):
    torch.manual_seed(0)
    logits, labels = torch.randn(2, channels, 8, 8), torch.randint(max(channels, 2), (2, 8, 8))
    soft = labels[:, None].float()
    if channels > 1:
        soft = torch.stack([labels == i for i in range(channels)], dim=1).float()
    loss, weight = FocalDiceLoss(include_background=background), torch.rand(2, 8, 8)
    assert torch.equal(loss(logits, soft), loss(logits, labels))
    assert torch.equal(loss(logits, soft, weight[:, None]), loss(logits, labels, weight))


@pytest.mark.parametrize('channels', [1, 3])
def test_ignored_pixels_do_not_count(channels):
    torch.manual_seed(0)
    logits, target = torch.randn(1, channels, 8, 8), torch.randint(max(channels, 2), (1, 8, 8))
    target[:, :, 4:] = 255
    other = logits.clone()
    other[..., 4:] = 50
    loss = FocalDiceLoss()
    assert loss(logits, target) == loss(other, target)
    half = loss(logits[..., :4], target[..., :4], avg_factor=64)
    assert loss(logits, target).item() == pytest.approx(half.item(), rel=1e-5)


def test_weight_and_avg_factor():
    logits, target = torch.randn(1, 1, 4, 4), torch.ones(1, 4, 4, dtype=torch.long)
    loss = FocalDiceLoss(dice_weight=0)
    assert loss(logits, target, weight=torch.zeros(1, 4, 4)) == 0
    twice = loss(logits, target, avg_factor=8)
    assert twice.item() == pytest.approx(2 * loss(logits, target).item())


def test_half_precision_is_computed_in_float32():
    logits = torch.full((1, 1, 512, 512), -9.0, dtype=torch.bfloat16)
    loss = FocalDiceLoss()(logits, torch.zeros(1, 512, 512, dtype=torch.long))
    assert loss.dtype == torch.float32 and torch.isfinite(loss)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r'\(1, 5, 5\) does not fit logits of \(1, 1, 4, 4\)'):
        FocalDiceLoss()(torch.zeros(1, 1, 4, 4), torch.zeros(1, 5, 5, dtype=torch.long))
    with pytest.raises(ValueError, match=r'expected \(N, H, W\) integers or \(N, C, H, W\) floats'):
        FocalDiceLoss()(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4))


BOXES = [
    # pred, target, 1 - IoU + d^2 / c^2
    ([0, 0, 10, 10], [0, 0, 10, 10], 0.0),
    ([0, 0, 10, 10], [5, 0, 15, 10], 1 - 50 / 150 + 25 / (225 + 100)),
    ([0, 0, 10, 10], [20, 0, 30, 10], 1 + 400 / (900 + 100)),
    ([2, 2, 4, 4], [0, 0, 8, 8], 1 - 4 / 64 + 2 / 128),
]


@pytest.mark.parametrize('pred, target, expected', BOXES)
def test_diou_by_hand(pred, target, expected):
    boxes = torch.tensor([pred], dtype=torch.float), torch.tensor([target], dtype=torch.float)
    assert DIoULoss()(*boxes).item() == pytest.approx(expected, abs=1e-5)


def test_diou_reductions():
    pred, target = torch.rand(6, 4).cumsum(1), torch.rand(6, 4).cumsum(1)
    each = DIoULoss(reduction='none')(pred, target)
    assert each.shape == (6,)
    assert torch.allclose(DIoULoss(loss_weight=0.5)(pred, target), each.mean() / 2)
    assert torch.allclose(DIoULoss()(pred, target, avg_factor=3), each.sum() / 3)
    assert torch.allclose(DIoULoss(reduction='sum')(pred, target), each.sum())


def test_diou_shapes():
    with pytest.raises(ValueError, match=r'must both be \(n, 4\), got \(2, 4\) and \(3, 4\)'):
        DIoULoss()(torch.zeros(2, 4), torch.zeros(3, 4))
