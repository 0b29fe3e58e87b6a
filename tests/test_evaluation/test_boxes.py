import pytest
import torch

from lsnet_mm.evaluation import union_box_iou

EMPTY = torch.zeros(0, 4)


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.float)


@pytest.mark.parametrize(
    ('a', 'b', 'expected'),
    [
        (boxes([0, 0, 4, 4]), boxes([0, 0, 4, 4]), 1.0),
        (boxes([0, 0, 4, 4]), boxes([2, 0, 6, 4]), 8 / 24),
        (boxes([0, 0, 1, 1], [3, 3, 4, 4]), boxes([0, 0, 4, 4]), 1.0),
        (boxes([0, 0, 2, 2]), boxes([5, 5, 6, 6]), 0.0),
        (EMPTY, boxes([0, 0, 4, 4]), 0.0),
        (EMPTY, EMPTY, 0.0),
        (boxes([1, 1, 1, 1]), boxes([1, 1, 1, 1]), 0.0),
    ],
)
def test_union_box_iou(a, b, expected):
    assert union_box_iou(a, b) == pytest.approx(expected)
    assert union_box_iou(b, a) == pytest.approx(expected)


def test_union_box_iou_refuses_other_shapes():
    with pytest.raises(ValueError, match=r'boxes must be \(n, 4\), got \(4,\)'):
        union_box_iou(torch.zeros(4), EMPTY)
