"""Targets are encoded and decoded to the same boxes; what cannot be kept apart is known."""

import math

import pytest
import torch
from mmengine.structures import InstanceData
from mmseg.structures import SegDataSample

from lsnet_mm.models import KPBBRHead
from lsnet_mm.models.dense_heads.keypoint_coder import decode, encode
from lsnet_mm.models.geometry import boxes_to_distances, cell_centers

SIZE, STRIDE = (80, 80), 4


def samples(*boxes):
    return [
        SegDataSample(gt_instances=InstanceData(bboxes=torch.tensor(b).float().view(-1, 4)))
        for b in boxes
    ]


def perfect(boxes, size=SIZE):
    """Heatmap and distances of a net that has learnt its targets by heart."""
    heatmap, owners = encode(boxes, size, STRIDE)
    points = cell_centers(size, STRIDE, boxes).view(*size, 2)
    return heatmap, boxes_to_distances(points, owners).permute(2, 0, 1)


@pytest.mark.parametrize(
    'boxes',
    [
        [[100, 80, 180, 140]],
        [[3, 5, 40, 30]],
        [[250, 250, 320, 320]],
        [[150.5, 99.25, 158, 104]],
        [[20, 20, 80, 60], [180, 30, 260, 90], [90, 220, 200, 300]],  # far from each other
    ],
)
@pytest.mark.parametrize('vote', [False, True])
def test_encode_decode_gives_the_same_boxes(boxes, vote):
    boxes = torch.tensor(boxes).float()
    found, scores = decode(*perfect(boxes), STRIDE, vote=vote)
    order = torch.cdist(boxes, found).argmin(dim=1)
    assert sorted(order.tolist()) == list(range(len(found)))
    assert torch.allclose(found[order], boxes, atol=1e-3)
    assert scores.tolist() == [1.0] * len(boxes)


@pytest.mark.parametrize('distance, count', [(70, 1), (82, 2)])
def test_centres_closer_than_76_px_merge(distance, count):
    """Known limit of the heatmap: then one box covers what the component's centre says."""
    boxes = torch.tensor([[60, 100, 100, 140], [60 + distance, 100, 100 + distance, 140]]).float()
    assert len(decode(*perfect(boxes), STRIDE)[0]) == count


def test_heatmap_is_equation_1():
    """A cell 5 right and 3 below the centre: d = 3 and 1, exp(-(9 + 1) / 40)."""
    boxes = torch.tensor([[162, 162, 162, 162]]).float()  # the centre of cell (40, 40)
    heatmap, _ = encode(boxes, SIZE, STRIDE, delta=20, beta=2)
    assert heatmap[43, 45] == pytest.approx(math.exp(-10 / 40))
    assert (heatmap == 1).sum() == 25  # the flat top, |d| <= 2
    two = boxes.repeat(2, 1)
    assert encode(two, SIZE, STRIDE)[0].max() == 1  # clipped sum


def test_delta_and_beta_scale_with_the_input():
    small, _ = encode(torch.tensor([[80, 80, 80, 80]]).float(), (40, 40), STRIDE)
    large, _ = encode(torch.tensor([[160, 160, 160, 160]]).float(), (80, 80), STRIDE)
    share = [float((m >= 0.5).float().mean()) for m in (small, large)]
    assert share[0] == pytest.approx(share[1], rel=0.2)


def test_a_cell_answers_for_the_nearest_centre():
    boxes = torch.tensor([[40, 100, 80, 140], [100, 100, 140, 140]]).float()
    _, owners = encode(boxes, SIZE, STRIDE)
    assert owners[30, 20].tolist() == boxes[0].tolist()  # (82, 122), centres at 60 and 120
    assert owners[30, 24].tolist() == boxes[1].tolist()  # (98, 122)


def test_the_peak_stands_in_where_the_centroid_lies_outside():
    heatmap = torch.zeros(9, 9)
    heatmap[1, 1:8] = heatmap[1:8, 1] = heatmap[7, 1:8] = 0.6  # a "C", hollow at its centroid
    heatmap[7, 7] = 0.9
    found, scores = decode(heatmap, torch.full((4, 9, 9), 2.0), STRIDE)
    assert found.tolist() == [[28, 28, 32, 32]]
    assert scores[0] == pytest.approx(0.9)


def test_components_are_eight_connected():
    heatmap = torch.zeros(6, 6)
    heatmap[1, 1] = heatmap[2, 2] = 0.8
    assert len(decode(heatmap, torch.ones(4, 6, 6), STRIDE)[0]) == 1


def test_untrained_head_gives_its_priors():
    head, x = KPBBRHead(8, prior_prob=0.05, prior_distance=4.0).eval(), torch.zeros(1, 8, 20, 20)
    head.init_weights()
    heatmap, distances = head((x,))
    assert torch.allclose(heatmap.sigmoid(), torch.tensor(0.05), atol=1e-4)
    assert torch.allclose(distances, torch.tensor(16.0), atol=1e-3)
    (found,) = head.predict((x,), samples([]))  # nothing is activated
    assert found.bboxes.shape == (0, 4) and found.scores.shape == (0,)


def test_image_without_object():
    head = KPBBRHead(8)
    losses = head.loss((torch.randn(2, 8, 20, 20),), samples([], []))
    assert losses['loss_bbox'] == 0 and torch.isfinite(losses['loss_cls'])
    sum(losses.values()).backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters() if p.grad is not None)
    assert head.propose((torch.randn(2, 8, 20, 20),), samples([], [])).shape == (0, 5)


def test_perfect_prediction_has_no_box_loss():
    head = KPBBRHead(8)
    boxes = torch.tensor([[100, 80, 180, 140]]).float()
    heatmap, distances = perfect(boxes)
    logits = (heatmap * 40 - 20)[None, None]
    # beyond the box a distance is negative there, which the head itself never gives
    losses = head.loss_by_feat(logits, distances[None], [InstanceData(bboxes=boxes)])
    assert losses['loss_bbox'].item() == pytest.approx(0, abs=1e-5)
    off = head.loss_by_feat(logits, distances[None] + 10, [InstanceData(bboxes=boxes)])
    assert off['loss_bbox'] > 0.05


def test_positives_inside_the_box_only():
    boxes = torch.tensor([[148, 148, 164, 168]]).float()
    logits = torch.zeros(1, 1, *SIZE)
    everywhere, inside = (
        KPBBRHead(8, train_cfg=cfg).get_targets([InstanceData(bboxes=boxes)], logits)[2]
        for cfg in (None, dict(inside_only=True))
    )
    assert inside.sum() == 4 * 5 and inside.sum() < everywhere.sum()
    assert not (inside & ~everywhere).any()


def test_proposals_come_from_the_most_probable_cells():
    torch.manual_seed(0)
    head = KPBBRHead(8, train_cfg=dict(topk=3)).eval()
    x = (torch.randn(3, 8, 20, 20),)
    batch = samples([0, 0, 9, 9], [], [5, 5, 20, 30])
    heatmap, distances = head(x)
    points, sides = cell_centers((20, 20), STRIDE, distances), distances.flatten(2)
    low, high = points - sides[:, [0, 2]].mT, points + sides[:, [1, 3]].mT
    boxes, seen = torch.cat((low, high), dim=2), set()
    for _ in range(40):
        rois = head.propose(x, batch)
        assert rois[:, 0].tolist() == [0, 2]
        for i, roi in ((0, rois[0]), (2, rois[1])):
            best = heatmap[i].flatten().topk(3).indices
            match = (boxes[i][best] - roi[1:]).abs().amax(1) < 1e-4
            assert match.sum() == 1
            seen.add((i, int(match.nonzero())))
    assert len(seen) == 6  # each of the three, in each image


def test_rescale_gives_original_pixels():
    head = KPBBRHead(8)
    heatmap, distances = perfect(torch.tensor([[100, 80, 180, 140]]).float())
    meta = [dict(scale_factor=(0.5, 2.0))]
    logits = (heatmap * 40 - 20)[None, None]
    (found,) = head.predict_by_feat(logits, distances[None], None, meta, rescale=True)
    assert torch.allclose(found.bboxes, torch.tensor([[200, 40, 360, 70]]).float(), atol=1e-2)


def test_one_class_only():
    with pytest.raises(ValueError, match='num_classes=3'):
        KPBBRHead(8, num_classes=3)


def test_votes_count_by_centerness():
    """Two cells of one component: one at the centre of its box, one a third from its left edge."""
    heatmap = torch.zeros(3, 4)
    heatmap[1, 1:3] = torch.tensor([0.8, 0.6])
    distances = torch.full((4, 3, 4), 8.0)
    distances[:, 1, 2] = torch.tensor([4.0, 16.0, 8.0, 8.0])
    (box,), scores = decode(heatmap, distances, STRIDE, vote=True)
    votes = torch.tensor([0.8, 0.6 * math.sqrt(4 / 16)])
    left = torch.tensor([6.0 - 8, 10.0 - 4])  # cells at x = 6 and 10
    assert box[0].item() == pytest.approx(((votes * left).sum() / votes.sum()).item(), rel=1e-5)
    assert scores.tolist() == pytest.approx([0.8])


def test_a_cell_outside_its_box_has_no_vote():
    heatmap = torch.zeros(3, 4)
    heatmap[1, 1:3] = 0.9
    distances = torch.full((4, 3, 4), 8.0)
    distances[0, 1, 2] = -2.0
    (box,), _ = decode(heatmap, distances, STRIDE, vote=True)
    assert torch.allclose(box, torch.tensor([-2.0, -2, 14, 14]), atol=0.2)


def test_branches_of_a_single_convolution():
    head = KPBBRHead(8, feat_channels=16, kp_convs=0, bbr_convs=0)
    heatmap, distances = head((torch.zeros(1, 8, 20, 20),))
    assert heatmap.shape == (1, 1, 20, 20) and distances.shape == (1, 4, 20, 20)
