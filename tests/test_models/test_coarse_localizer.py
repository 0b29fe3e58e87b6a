"""The first stage of coarse-to-fine: boxes are those of its mask, no gradient comes back."""

import pytest
import torch
from helpers import assert_second_stage_leaves_the_first, batch, lsnet, segmentor

BN = dict(type='BN')


def coarse_to_fine(norm_cfg=BN, **kwargs):
    coarse = dict(type='CoarseLocalizer', segmentor=segmentor(norm_cfg=norm_cfg))
    return lsnet(localizer=coarse, roi_extractor=dict(type='HardCrop', size=(64, 64)), **kwargs)


def paint(localizer, masks):
    """Let the coarse net answer with these masks (N, H, W)."""
    logits = torch.where(masks, 5.0, -5.0)[:, None]
    localizer.segmentor.encode_decode = lambda inputs, metas: logits[: len(inputs)]


def test_boxes_are_those_of_the_mask():
    inputs, samples = batch(boxes=((20, 24, 50, 60), (20, 24, 50, 60)))
    model = coarse_to_fine()
    masks = torch.zeros(2, 96, 96, dtype=torch.bool)
    masks[0, 10:20, 30:50] = True
    masks[0, 40, 70] = True  # a stray pixel counts: the box is that of all that was found
    paint(model.localizer, masks)
    found, nothing = model.localizer.predict(inputs, samples)
    assert found.bboxes.tolist() == [[30, 10, 71, 41]]
    assert found.scores.tolist() == pytest.approx([torch.tensor(5.0).sigmoid().item()])
    assert nothing.bboxes.shape == (0, 4) and nothing.scores.shape == (0,)
    assert samples[0].pred_heatmap.data.shape == (1, 96, 96)


def test_tensor_mode_with_a_segmentor_that_has_none():
    """Cascades and query heads; the localizer asks for logits as in inference."""
    model = coarse_to_fine()
    model.localizer.segmentor._forward = None  # calling it would fail
    assert model.localizer(torch.rand(2, 3, 96, 96)).shape == (2, 1, 96, 96)


def test_proposals():
    """One for each image with an object; the whole image while the mask is empty."""
    inputs, samples = batch(boxes=((20, 24, 50, 60), None, (20, 24, 50, 60)))
    model = coarse_to_fine()
    masks = torch.zeros(2, 96, 96, dtype=torch.bool)
    masks[0, 10:20, 30:50] = True
    paint(model.localizer, masks)
    rois = model.localizer.propose(inputs, samples)
    assert rois.tolist() == [[0, 30, 10, 50, 20], [2, 0, 0, 96, 96]]
    assert len(model.localizer.propose(inputs[1:2], samples[1:2])) == 0


def test_the_second_stage_does_not_move_the_first():
    inputs, samples = batch()
    model = coarse_to_fine().train()
    assert_second_stage_leaves_the_first(model, inputs, samples)
    assert model.localizer.segmentor.training


def test_it_learns_from_the_mask():
    """Also where it sees a smaller image than the mask's."""
    inputs, samples = batch()
    for size in (None, (48, 48)):
        model = coarse_to_fine(localizer_size=size).train()
        losses = model(inputs, samples, mode='loss_localizer')
        assert set(losses) == {'localizer.decode.loss_focal_dice'}
        losses['localizer.decode.loss_focal_dice'].backward()
        assert all(p.grad is not None for p in model.localizer.parameters())
        assert all(p.grad is None for p in model.segmentor.parameters())


def test_several_classes():
    inputs, samples = batch()
    coarse = dict(type='CoarseLocalizer', segmentor=segmentor(out_channels=3, num_classes=3))
    model = lsnet(localizer=coarse, seg=segmentor(out_channels=3, num_classes=3)).eval()
    logits = torch.zeros(2, 3, 96, 96)
    logits[:, 0] = 1
    logits[0, 2, 10:20, 30:50] = 3
    model.localizer.segmentor.encode_decode = lambda inputs, metas: logits
    found, nothing = model.localizer.predict(inputs, samples)
    assert found.bboxes.tolist() == [[30, 10, 50, 20]] and len(nothing) == 0
    expected = 1 - torch.softmax(torch.tensor([1.0, 0.0, 3.0]), 0)[0]
    assert found.scores[0] == pytest.approx(expected.item())
