import pytest

from lsnet_mm.evaluation.functional import select_slices, slice_title


def row(index, tp, fn, n_boxes=None, box_iou=None):
    return {
        'case': 'a',
        'slice': index,
        'area': tp + fn,
        'tp': tp,
        'fp': 0,
        'fn': fn,
        'box_iou': box_iou,
        'n_boxes': n_boxes,
    }


def test_best_median_worst():
    rows = [row(k, k, 20 - k) for k in range(1, 20)] + [row(99, 0, 0)]
    chosen = select_slices(rows, 9)
    assert [s for g, _, s in chosen if g == 'best'] == [19, 18, 17]
    assert [s for g, _, s in chosen if g == 'median'] == [11, 10, 9]
    assert [s for g, _, s in chosen if g == 'worst'] == [3, 2, 1]


@pytest.mark.parametrize('number', range(8))
def test_few_slices_are_all_chosen_once(number):
    chosen = select_slices([row(k, k + 1, 9) for k in range(number)], 6)
    assert len({s for *_, s in chosen}) == len(chosen) == min(number, 6)


def test_too_small_a_panel():
    with pytest.raises(ValueError, match='at least 3 slices, got 2'):
        select_slices([], 2)


def test_titles():
    assert slice_title([row(1, 3, 1)], 'a', 1) == 'a  slice 1\nDSC 85.7'
    assert slice_title([row(1, 3, 1, 1, 0.25)], 'a', 1).endswith('DSC 85.7  box IoU 25.0')
    assert slice_title([row(1, 0, 4, 0, 0.0)], 'a', 1).endswith('DSC 0.0  no box')
