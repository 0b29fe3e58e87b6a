"""A mask beside the boxes: it is trained on shares of the object in its cells, its hull moves the
boxes half way, and where it sees nothing there is none."""

import numpy as np
import pytest
import torch
from helpers import batch, localizer
from mmengine.registry import MODELS, init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmseg.structures import SegDataSample

from lsnet_mm.models import KPBBRHead
from lsnet_mm.models.dense_heads.mask_branch import hulls, mask_targets

STRIDE = 4


def make(**options):
    init_default_scope('mmseg')
    torch.manual_seed(0)
    head = KPBBRHead(8, feat_channels=8, loss_mask=dict(type='FocalDiceLoss'), **options)
    head.init_weights()
    return head


def samples(masks, boxes=None):
    """Of label maps (H, W), with a box each unless given."""
    boxes = boxes or [[[8.0, 8, 24, 32]]] * len(masks)
    return [
        SegDataSample(
            gt_sem_seg=PixelData(data=torch.as_tensor(mask)[None]),
            gt_instances=InstanceData(bboxes=torch.tensor(box).float().view(-1, 4)),
        )
        for mask, box in zip(masks, boxes, strict=True)
    ]


def map_of(*cells, size=(20, 24)):
    """Logits (1, h, w), high in cells (row, column) or (row, column, logit)."""
    logits = torch.full((1, *size), -9.0)
    for row, column, *value in cells:
        logits[0, row, column] = value[0] if value else 9.0
    return logits


def components(*boxes, size=(20, 24)):
    """A heatmap's logits with a peak in the middle of each box, and distances to its edges."""
    heatmap, distances = map_of(size=size), torch.ones(4, *size)
    for x1, y1, x2, y2 in boxes:
        row, column = int((y1 + y2) / 2 / STRIDE), int((x1 + x2) / 2 / STRIDE)
        y, x = (row + 0.5) * STRIDE, (column + 0.5) * STRIDE
        heatmap[0, row, column] = 2.0 + len(boxes) - row / 100
        distances[:, row, column] = torch.tensor([x - x1, x2 - x, y - y1, y2 - y])
    return heatmap[None], distances[None]


def test_without_loss_mask_nothing_is_there():
    """And with it, what was there before is the same."""
    init_default_scope('mmseg')
    torch.manual_seed(0)
    plain = KPBBRHead(8, feat_channels=8)
    plain.init_weights()
    own, head = plain.state_dict(), make()
    assert plain.test_cfg.keys() == {'score_thr', 'vote', 'max_per_img'}
    with_branch = head.state_dict()
    assert [key for key in with_branch if not key.startswith('mask.')] == list(own)
    head.load_state_dict(own, strict=False)
    x, truth = (torch.randn(2, 8, 20, 24),), samples(np.zeros((2, 80, 96), np.int64))
    assert len(plain(x)) == 2
    for a, b in zip(plain(x), head(x)[:2], strict=True):
        assert torch.equal(a, b)
    ours, theirs = plain.loss(x, truth), head.loss(x, truth)
    assert ours.keys() == {'loss_cls', 'loss_bbox'}
    assert theirs.keys() == {'loss_cls', 'loss_bbox', 'loss_mask'}
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    plain.eval()
    torch.manual_seed(1)
    rois = plain.propose(x, truth)
    torch.manual_seed(1)
    losses, fused = plain.loss_and_propose(x, truth)
    assert torch.equal(rois, fused) and losses.keys() == ours.keys()


def test_an_untrained_branch_says_nothing():
    (mask,) = make().eval()((torch.zeros(1, 8, 20, 24),))[2:]
    assert mask.shape == (1, 1, 20, 24)
    assert torch.allclose(mask.sigmoid(), torch.tensor(0.01), atol=1e-4)


@pytest.mark.parametrize('mask_thr', [0.3, 0.5, 0.9])
def test_hulls_are_those_of_numpy(mask_thr):
    torch.manual_seed(0)
    logits = 2 * torch.randn(30, 1, 7, 9) - torch.linspace(0, 8, 30).view(-1, 1, 1, 1)
    boxes, found = hulls(logits, STRIDE, mask_thr)
    assert found.any() and not found.all()
    for box, there, probs in zip(boxes, found, logits[:, 0].sigmoid().numpy(), strict=True):
        rows, columns = np.nonzero(probs > np.float32(mask_thr))
        assert bool(there) == bool(len(rows))
        if len(rows):
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert box.tolist() == [STRIDE * edge for edge in edges]


def test_training_rois_go_half_way():
    """By hand: cells (3, 2) to (5, 7) span 8..32 by 12..24; the second mask is empty."""
    head, rois = make(), torch.tensor([[0, 10.0, 10, 30, 40], [1, 1, 2, 3, 4], [2, 0, 0, 4, 4]])
    masks = torch.stack((map_of((3, 2), (5, 7)), map_of(), map_of((0, 0))))
    found = head.mask.pull(rois, masks, 0.5)
    assert found.tolist() == [[0, 9, 11, 31, 32], [1, 1, 2, 3, 4], [2, 0, 0, 4, 4]]
    assert head.mask.pull(rois[:0], masks, 0.5).shape == (0, 5)


@pytest.mark.parametrize('fused', [False, True])
def test_the_gradient_reaches_the_regressed_half_only(fused):
    """Half as much where there is a hull, whole where there is none, nothing into the branch."""
    head, truth = make(train_cfg=dict(topk=1)), samples(np.zeros((2, 80, 96), np.int64))
    x = torch.randn(2, 8, 20, 24)
    heatmaps, distances = head.forward_keypoints(x), head.forward_distances(x)
    distances = distances.detach().requires_grad_()
    masks = torch.stack((map_of((3, 2), (5, 7)), map_of())).requires_grad_()
    rois = head.propose_by_feat(heatmaps, distances, truth, masks)
    grads = torch.autograd.grad(rois[:, 1:].abs().sum(), (distances, masks), allow_unused=True)
    assert grads[1] is None
    assert [set(g.abs().unique().tolist()) for g in grads[0]] == [{0, 0.5}, {0, 1}]
    if fused:
        _, rois = head.loss_and_propose((x,), truth)
    else:
        rois = head.propose((x,), truth)
    rois.sum().backward()
    assert all(p.grad is None for p in head.mask.parameters())
    assert all(p.grad is None for p in head.keypoints.parameters())
    assert head.distances[-1].weight.grad.any()


def test_proposals_use_the_mask_of_their_own_image(monkeypatch):
    head = make(train_cfg=dict(topk=1), test_cfg=dict(mask_thr=0.3)).eval()
    x = (torch.randn(3, 8, 20, 24),)
    truth = samples(np.zeros((3, 80, 96), np.int64), [[], [0, 0, 9, 9], [0, 0, 9, 9]])
    plain = head.propose(x, truth)
    masks = torch.stack([map_of((0, 0)), map_of((3, 2, -0.5), (5, 7)), map_of((0, 0, -1))])
    monkeypatch.setattr(head, 'forward_masks', lambda feat: masks)
    for rois in (head.propose(x, truth), head.loss_and_propose(x, truth)[1]):
        assert rois[:, 0].tolist() == [1, 2]
        hull = torch.tensor([8.0, 12, 32, 24])
        assert torch.allclose(rois[0, 1:], (plain[0, 1:] + hull) / 2)
        assert torch.equal(rois[1], plain[1])  # -1 is a probability of 0.27


def test_several_components_become_one_box():
    head, boxes = make(), [[8, 8, 28, 24], [48, 40, 80, 72]]
    mask = map_of((3, 4), (15, 17))[None]  # 16..72 by 12..64
    heatmap, distances = components(*boxes)
    (found,) = head.predict_by_feat(heatmap, distances, mask)
    assert found.bboxes.tolist() == [[12, 10, 76, 68]]
    assert found.scores.tolist() == [heatmap.sigmoid().max()] and found.labels.tolist() == [0]
    meta = [dict(scale_factor=(0.5, 2.0))]
    outs = heatmap, distances, mask
    (scaled,) = head.predict_by_feat(*outs, batch_img_metas=meta, rescale=True)  # as mmdet does
    assert scaled.bboxes.tolist() == [[24, 5, 152, 34]]


@pytest.mark.parametrize(
    'cells, rule, box',
    [
        ([], {}, None),
        ([], dict(veto_thr=0), [8, 8, 28, 24]),  # nobody takes the regressed box away
        ([(3, 4, 0.0)], {}, None),  # 0.5 is not above 0.5
        ([(3, 4, -1)], dict(veto_thr=0.2), [8, 8, 28, 24]),  # no veto, but no hull
        ([(3, 4, -1)], dict(veto_thr=0.2, mask_thr=0.2), [12, 10, 24, 20]),
        ([(3, 4, 1)], dict(veto_thr=0.9), None),
        ([(3, 4, 1)], {}, [12, 10, 24, 20]),
    ],
)
def test_veto(cells, rule, box):
    head = make(test_cfg=rule)
    heatmap, distances = components([8, 8, 28, 24])
    (found,) = head.predict_by_feat(heatmap, distances, map_of(*cells)[None])
    assert found.bboxes.tolist() == ([box] if box else [])
    assert len(found.scores) == len(found.labels) == bool(box)


def test_no_keypoint_gives_no_box_whatever_the_mask_says():
    heatmap, distances = components()
    (found,) = make().predict_by_feat(heatmap, distances, map_of((3, 4))[None])
    assert found.bboxes.shape == (0, 4)


@pytest.mark.parametrize('branch', ['forward_distances', 'forward_masks'])
def test_branches_run_where_keypoints_were_found(monkeypatch, branch):
    head = make().eval()
    feats, seen, forward = torch.randn(3, 8, 20, 24), [], getattr(head, branch)
    heatmaps = torch.full((3, 1, 20, 24), -9.0)
    heatmaps[1, 0, 5:8, 5:8] = 3
    torch.nn.init.constant_(head.mask.logits[-1].bias, 0.0)
    outs = heatmaps[1:2], *head((feats[1:2],))[1:]
    (whole,) = head.predict_by_feat(*outs)
    monkeypatch.setattr(head, branch, lambda x: seen.append(x) or forward(x))
    found = head.predict_with_heatmaps(heatmaps, (feats,))
    assert [len(f.bboxes) for f in found] == [0, 1, 0]
    assert len(seen) == 1 and torch.equal(seen[0], feats[1:2])
    assert torch.equal(found[1].bboxes, whole.bboxes)
    head.predict_with_heatmaps(heatmaps[:1], (feats[:1],))
    assert len(seen) == 1  # nothing was found: no branch ran


def test_it_is_a_part_of_lnet():
    init_default_scope('mmseg')
    model = MODELS.build(localizer(loss_mask=dict(type='FocalDiceLoss')))
    inputs, truth = batch()
    losses, rois = model.loss_and_propose(inputs, truth)
    assert losses.keys() == model.loss(inputs, truth).keys() and 'loss_mask' in losses
    assert rois.shape == model.propose(inputs, truth).shape == (1, 5)
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.head.mask.parameters())
    assert [out.shape[1] for out in model(inputs)] == [1, 4, 1]


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
    x, truth = (torch.randn(2, 8, 20, 24),), samples(np.zeros((2, 80, 96), np.int64), [[], []])
    torch.nn.init.constant_(head.mask.logits[-1].bias, 2.0)
    losses, rois = head.loss_and_propose(x, truth)
    assert rois.shape == (0, 5) and losses['loss_mask'] > 0.5
    losses['loss_mask'].backward()
    assert head.mask.logits[-1].bias.grad > 0


class FakeMasks(np.ndarray):
    """What the head asks of MMDetection's masks."""

    def to_ndarray(self):
        return np.asarray(self)


def test_masks_of_instances():
    """Their union; images padded below and to the right, masks not."""
    masks = np.zeros((2, 12, 16), np.uint8)
    masks[0, :6, :6] = masks[1, 4:12, 4:8] = 1
    one = InstanceData(bboxes=torch.zeros(2, 4), masks=masks.view(FakeMasks))
    none = InstanceData(bboxes=torch.zeros(0, 4), masks=masks[:0].view(FakeMasks))
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
