"""Boxes as the evaluation sees them: continuous pixel edges, ``x1, y1, x2, y2``."""

import numpy as np
from torch import Tensor


def union_box_iou(boxes_a: Tensor, boxes_b: Tensor) -> float:
    """IoU of the hulls of two sets of boxes (n, 4), in [0, 1]; 0 if either is empty, a miss.

    Detectors may split an organ into several boxes; what the second stage gets to see is decided
    by all of them together.

    Raises:
        ValueError: If the boxes are not (n, 4).
    """
    for boxes in (boxes_a, boxes_b):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f'boxes must be (n, 4), got {tuple(boxes.shape)}')
    if len(boxes_a) == 0 or len(boxes_b) == 0:
        return 0.0
    return float(iou(hull(boxes_a), hull(boxes_b)))


def hull(boxes: Tensor) -> np.ndarray:
    """The smallest box around one or more (n, 4) boxes, (4,)."""
    boxes = boxes.detach().cpu().double().numpy()
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """IoU of (..., 4) boxes with those of the same place; 0 of two boxes without area."""
    low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
    overlap = (high - low).clip(0).prod(-1)
    total = sides(a).prod(-1) + sides(b).prod(-1) - overlap
    return np.divide(overlap, total, out=np.zeros_like(total), where=total > 0)


def centers(boxes: np.ndarray) -> np.ndarray:
    """(..., 2)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def sides(boxes: np.ndarray) -> np.ndarray:
    """Width and height, (..., 2)."""
    return boxes[..., 2:] - boxes[..., :2]


def boxes_around(centers: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """The inverse of :func:`centers` and :func:`sides`."""
    return np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)
