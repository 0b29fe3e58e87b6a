import math

import pytest
import torch
from monai.metrics import compute_dice

from lsnet_mm.evaluation.functional import (
    aggregate,
    box_scores,
    counts,
    failure_rates,
    scores,
    select_slices,
    slice_title,
)


def row(case, index, tp, fp, fn, **kwargs):
    counts = dict(case=case, slice=index, area=tp + fn, tp=tp, fp=fp, fn=fn)
    return counts | dict(box_iou=None, n_boxes=None) | kwargs


@pytest.mark.parametrize(
    ('pred', 'target', 'label', 'expected'),
    [
        ([0, 0, 0], [0, 0, 0], 1, (0, 0, 0)),
        ([1, 1, 0], [1, 0, 1], 1, (1, 1, 1)),
        ([1, 1, 1], [1, 255, 255], 1, (1, 0, 0)),
        ([0, 0, 0], [1, 1, 255], 1, (0, 0, 2)),
        ([2, 1, 0], [2, 2, 1], 1, (0, 1, 1)),
        ([2, 1, 0], [2, 2, 1], 2, (1, 0, 1)),
    ],
)
@pytest.mark.parametrize('dtype', [torch.uint8, torch.long])
def test_counts(pred, target, label, expected, dtype):
    assert counts(torch.tensor(pred, dtype=dtype), torch.tensor(target), label) == expected


def test_counts_refuse_other_shapes():
    with pytest.raises(ValueError, match=r'same shape, got \(1, 2\) and \(2, 1\)'):
        counts(torch.zeros(1, 2), torch.zeros(2, 1))


@pytest.mark.parametrize(
    ('unit', 'dsc', 'precision', 'recall'),
    [
        ((0, 0, 0), 100, 100, 100),
        ((0, 5, 0), 0, 0, 0),
        ((0, 0, 5), 0, 0, 0),
        ((3, 1, 2), 100 * 6 / 9, 75, 60),
        ((7, 0, 0), 100, 100, 100),
    ],
)
def test_scores(unit, dsc, precision, recall):
    expected = {'dsc': dsc, 'precision': precision, 'recall': recall}
    assert scores(*unit) == pytest.approx(expected)


def test_dsc_is_monais():
    generator = torch.Generator().manual_seed(0)
    pred, target = (torch.rand(2, 1, 1, 16, 16, generator=generator) > 0.5).int()
    expected = 100 * float(compute_dice(pred, target))
    assert scores(*counts(pred, target))['dsc'] == pytest.approx(expected)


def test_protocols_differ_as_they_should():
    a = [row('a', k, *counts) for k, counts in enumerate(((10, 0, 0), (0, 0, 10), (0, 0, 0)))]
    out = aggregate([*a, row('b', 0, 6, 2, 2)])
    assert list(out)[:3] == ['case/dsc', 'case/precision', 'case/recall']
    assert out['case/dsc'] == pytest.approx((100 * 20 / 30 + 75) / 2)
    assert out['slice_fg/dsc'] == pytest.approx((100 + 0 + 75) / 3)
    assert out['slice_all/dsc'] == pytest.approx((100 + 0 + 100 + 75) / 4)
    assert out['pooled/dsc'] == pytest.approx(100 * 32 / 46)
    assert out['case/precision'] == pytest.approx((100 + 75) / 2)
    assert out['case/recall'] == pytest.approx((50 + 75) / 2)


def test_classes_are_averaged_and_oracles_read_by_their_prefix():
    oracle = dict(oracle_tp=4, oracle_fp=0, oracle_fn=0)
    rows = [row('a', 0, 4, 0, 0, **oracle, **{'class': 1})]
    rows += [row('a', 0, 0, 4, 4, **oracle, **{'class': 2})]
    assert aggregate(rows)['pooled/dsc'] == 50
    assert aggregate(rows, 'oracle_', ['case'])['case/dsc'] == 100


def test_nothing_to_average_is_nan():
    out = aggregate([row('a', 0, 0, 0, 0)])
    assert out['case/dsc'] == 100
    assert math.isnan(out['slice_fg/dsc'])


def test_unknown_protocol():
    with pytest.raises(ValueError, match=r"unknown protocols \['slice'\]"):
        aggregate([], protocols=['slice'])


def test_box_scores_count_a_miss_and_leave_out_empty_slices():
    rows = [
        row('a', 0, 1, 0, 0, box_iou=0.8, n_boxes=2),
        row('a', 1, 0, 0, 1, box_iou=0.0, n_boxes=0),
        row('a', 2, 0, 3, 0, box_iou=None, n_boxes=1),
    ]
    assert box_scores(rows) == pytest.approx({'box/miou': 40, 'box/miss': 50})


def boxed(index, box, truth=(10, 10, 20, 30)):
    keys = [f'{kind}_{edge}' for kind in ('box', 'gt') for edge in ('x1', 'y1', 'x2', 'y2')]
    edges = dict(zip(keys, (*(box or [None] * 4), *truth), strict=True))
    return row('a', index, 1, 0, 0, box_iou=0, n_boxes=int(box is not None), **edges)


ROOT = math.sqrt(200)  # of the area of the true box


@pytest.mark.parametrize(
    ('box', 'moved', 'resized', 'center', 'size'),
    [
        ((10, 10, 20, 30), 100, 100, 0, 0),
        ((15, 10, 25, 30), 100, 100 / 3, 500 / ROOT, 0),  # half its width to the right
        ((13, 14, 23, 34), 100, 100 * 112 / 288, 500 / ROOT, 0),  # 3 and 4
        ((10, 15, 20, 25), 50, 100, 0, 1),  # half as high
        ((5, 10, 25, 30), 50, 100, 0, 1),  # twice as wide
        ((10, 10, 20, 20), 50, 100 * 150 / 250, 500 / ROOT, 1),  # the upper half
        ((5, 15, 25, 25), 100 / 3, 100, 0, 0),  # the same area in another form
        ((40, 40, 80, 60), 25, 0, 100 * math.hypot(45, 30) / ROOT, 2),
    ],
)
def test_center_and_size_by_hand(box, moved, resized, center, size):
    found = box_scores([boxed(0, box)])
    assert found['box/miou_center'] == pytest.approx(moved)
    assert found['box/miou_size'] == pytest.approx(resized)
    assert found['box/center'] == pytest.approx(center)
    assert found['box/size'] == pytest.approx(size)


@pytest.mark.parametrize('miss', [None, (15, 10, 15, 30)], ids=['no box', 'no area'])
def test_center_and_size_of_a_miss(miss):
    whole, half = boxed(0, (10, 10, 20, 30)), boxed(1, (10, 15, 20, 25))
    rows = [whole, half, boxed(2, miss), row('a', 3, 0, 3, 0, n_boxes=1)]
    found = box_scores(rows)
    assert found['box/miou_center'] == pytest.approx((100 + 50 + 0) / 3)
    assert (found['box/center'], found['box/size']) == (0, 0.5)
    assert math.isnan(box_scores([boxed(0, None)])['box/center'])
    assert box_scores([boxed(0, None)])['box/miou_size'] == 0


def test_rows_of_before_have_no_center_and_size():
    old = row('a', 0, 1, 0, 0, box_iou=0.8, n_boxes=2)
    for rows in ([old], [boxed(1, (10, 10, 20, 30)), old]):
        assert box_scores(rows).keys() == {'box/miou', 'box/miss'}


def test_failure_rates():
    rows = [
        row('a', 0, 4, 0, 0, box_iou=0.8, n_boxes=1),
        row('a', 1, 0, 9, 4, box_iou=0.09, n_boxes=2),  # a box elsewhere
        row('a', 2, 1, 0, 4, box_iou=0.1, n_boxes=1),
        row('a', 3, 0, 0, 4, box_iou=0.0, n_boxes=0),  # a miss
        row('b', 3, 0, 0, 4, box_iou=0.5, n_boxes=1),
        row('b', 4, 0, 2, 0, box_iou=None, n_boxes=1),
        row('b', 5, 0, 0, 0, box_iou=None, n_boxes=1),
        row('b', 6, 0, 0, 0, box_iou=None, n_boxes=0),
    ]
    full = {'slice_fg/failed': 60, 'box/low': 40}
    empty = {'slice_empty/found': 100 / 3, 'slice_empty/boxes': 200 / 3}
    assert failure_rates(rows) == pytest.approx(full | empty)
    assert failure_rates(rows[:5]) == pytest.approx(full)
    assert failure_rates(rows[7:]) == {'slice_empty/found': 0, 'slice_empty/boxes': 0}
    one_stage = [dict(r, box_iou=None, n_boxes=None) for r in rows]
    assert failure_rates(one_stage).keys() == {'slice_fg/failed', 'slice_empty/found'}
    assert failure_rates([]) == {}


def test_failure_rates_take_the_classes_of_a_slice_together():
    def both(number, first, second):
        return [row('a', number, *n, **{'class': k}) for k, n in enumerate((first, second), 1)]

    one_found = both(0, (4, 0, 0), (0, 0, 4))
    one_there = both(1, (0, 0, 0), (0, 0, 4))
    nothing_there = both(2, (0, 0, 0), (0, 3, 0))
    rates = failure_rates(one_found + one_there + nothing_there)
    assert rates == {'slice_fg/failed': 50, 'slice_empty/found': 100}


def test_best_median_worst():
    rows = [row('a', k, k, 0, 20 - k) for k in range(1, 20)] + [row('a', 99, 0, 0, 0)]
    groups = {'best': (19, 18, 17), 'median': (11, 10, 9), 'worst': (3, 2, 1)}
    assert select_slices(rows, 9) == [(g, 'a', k) for g, numbers in groups.items() for k in numbers]
    for number in range(8):  # few are all chosen, once
        chosen = select_slices(rows[:number], 6)
        assert len({s for *_, s in chosen}) == len(chosen) == min(number, 6)
    with pytest.raises(ValueError, match='at least 3 slices, got 2'):
        select_slices([], 2)


@pytest.mark.parametrize(
    ('fn', 'box', 'end'),
    [(1, {}, 'DSC 85.7'), (1, dict(n_boxes=1, box_iou=0.25), 'DSC 85.7  box IoU 25.0')]
    + [(4, dict(n_boxes=0, box_iou=0.0), 'DSC 0.0  no box')],
)
def test_titles(fn, box, end):
    assert slice_title([row('a', 1, 4 - fn, 0, fn, **box)], 'a', 1) == f'a  slice 1\n{end}'
