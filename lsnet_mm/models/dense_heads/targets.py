"""Targets of the keypoint and box branches: pure functions."""

import math

import torch
from torch import Tensor

from ..geometry import cell_centers

REFERENCE = 320
"""Input side, in pixels, at which the paper states delta and beta."""


def encode(
    boxes: Tensor,
    size: tuple[int, int],
    stride: int,
    delta: float = 20.0,
    beta: float = 2.0,
) -> tuple[Tensor, Tensor]:
    """Heatmap ``K*`` of Eq. 1 and the box that each cell answers for.

    ``delta`` (variance, cells^2) and ``beta`` (radius of the flat top, cells) are those at 320
    pixels and scale with the input's side. A cell answers for the object whose centre is nearest.

    Args:
        boxes: (n, 4) boxes of an image, in input pixels; ``n`` may be 0.
        size: Height and width of the map, in cells.
        stride: Input pixels per cell.

    Returns:
        tuple: Heatmap (H, W) in [0, 1], and boxes (H, W, 4).
    """
    h, w = size
    if len(boxes) == 0:
        return boxes.new_zeros(h, w), boxes.new_zeros(h, w, 4)
    scale = math.sqrt(h * w) * stride / REFERENCE
    points = cell_centers(size, stride, boxes) / stride
    centers = (boxes[:, :2] + boxes[:, 2:]) / (2 * stride)
    offsets = points[:, None] - centers[None]
    reach = (offsets.abs() - beta * scale).clamp(min=0)
    peaks = torch.exp(-reach.square().sum(-1) / (2 * delta * scale**2))
    nearest = offsets.square().sum(-1).argmin(dim=1)
    return peaks.sum(1).clamp(max=1).view(h, w), boxes[nearest].view(h, w, 4)


def contains(boxes: Tensor, points: Tensor) -> Tensor:
    """Whether each of (..., 2) points lies inside its (..., 4) box: (...) booleans."""
    return ((points >= boxes[..., :2]) & (points <= boxes[..., 2:])).all(dim=-1)
