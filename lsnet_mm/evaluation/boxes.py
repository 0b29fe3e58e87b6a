"""Boxes as the evaluation sees them: continuous pixel edges, ``x1, y1, x2, y2``."""

import torch
from torch import Tensor


def union_box_iou(boxes_a: Tensor, boxes_b: Tensor) -> float:
    """IoU of the hulls of two sets of boxes.

    Detectors may split an organ into several boxes; what the second stage gets to see is decided
    by all of them together.

    Args:
        boxes_a: (n, 4).
        boxes_b: (m, 4).

    Returns:
        float: In [0, 1]; 0 if either set is empty, a miss.

    Raises:
        ValueError: If the boxes are not (n, 4).
    """
    for boxes in (boxes_a, boxes_b):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f'boxes must be (n, 4), got {tuple(boxes.shape)}')
    if len(boxes_a) == 0 or len(boxes_b) == 0:
        return 0.0
    a, b = _hull(boxes_a), _hull(boxes_b)
    low = torch.maximum(a[:2], b[:2])
    high = torch.minimum(a[2:], b[2:])
    overlap = (high - low).clamp(min=0).prod()
    total = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - overlap
    return float(overlap / total) if total > 0 else 0.0


def _hull(boxes: Tensor) -> Tensor:
    boxes = boxes.detach().cpu().double()
    return torch.cat([boxes[:, :2].amin(0), boxes[:, 2:].amax(0)])
