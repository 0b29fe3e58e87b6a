"""Boxes, distances and sampling grids: pure functions, no state.

Coordinates are continuous pixels: pixel ``i`` covers ``[i, i + 1)``, an image of width ``W`` spans
``[0, W]`` and ``align_corners`` is False everywhere. A box is ``(x1, y1, x2, y2)``; an RoI is
``(image index, x1, y1, x2, y2)``.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def cell_centers(size: tuple[int, int], stride: int, like: Tensor) -> Tensor:
    """Centres of the cells of a feature map, ``(4x + 2, 4y + 2)`` at stride 4 (paper, 2.1).

    Args:
        size: Height and width of the map, in cells.
        stride: Input pixels per cell.
        like: A tensor that gives dtype and device.

    Returns:
        Tensor: (H * W, 2) points ``x, y`` in input pixels, row by row.
    """
    h, w = size
    ys = (torch.arange(h, dtype=like.dtype, device=like.device) + 0.5) * stride
    xs = (torch.arange(w, dtype=like.dtype, device=like.device) + 0.5) * stride
    y, x = torch.meshgrid(ys, xs, indexing='ij')
    return torch.stack((x, y), dim=-1).reshape(-1, 2)


def distances_to_boxes(points: Tensor, distances: Tensor) -> Tensor:
    """Boxes from points and their distances to the four edges.

    The paper prints the corner ``(x - l, y + t)``; that is a sign slip against its own Eq. 3, so
    the top edge is ``y - t`` here.

    Args:
        points: (..., 2) ``x, y``.
        distances: (..., 4) ``l, r, t, b``, in the paper's order and the points' unit.

    Returns:
        Tensor: (..., 4) boxes.
    """
    x, y = points.unbind(-1)
    left, right, top, bottom = distances.unbind(-1)
    return torch.stack((x - left, y - top, x + right, y + bottom), dim=-1)


def boxes_to_distances(points: Tensor, boxes: Tensor) -> Tensor:
    """Inverse of :func:`distances_to_boxes`; negative where a point lies outside its box."""
    x, y = points.unbind(-1)
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack((x - x1, x2 - x, y - y1, y2 - y), dim=-1)


def boxes_to_rois(boxes: list[Tensor]) -> Tensor:
    """Stacks the boxes of each image into RoIs.

    Args:
        boxes: One (n_i, 4) tensor an image; ``n_i`` may be 0.

    Returns:
        Tensor: (K, 5) RoIs, ``K = sum(n_i)``.
    """
    rows = [torch.cat((b.new_full((len(b), 1), i), b), dim=1) for i, b in enumerate(boxes)]
    return torch.cat(rows)


def scale_boxes(boxes: Tensor, source: tuple[int, int], target: tuple[int, int]) -> Tensor:
    """Moves boxes (..., 4) or RoIs (..., 5) from an image of size (H, W) to one of another size."""
    sy, sx = target[0] / source[0], target[1] / source[1]
    factors = [sx, sy, sx, sy] if boxes.size(-1) == 4 else [1.0, sx, sy, sx, sy]
    return boxes * boxes.new_tensor(factors)


def expand_boxes(boxes: Tensor, margin: float) -> Tensor:
    """Moves every edge of (..., 4) boxes outwards by ``margin`` pixels a side."""
    return boxes + boxes.new_tensor([-margin, -margin, margin, margin])


def boxes_to_theta(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The affine matrices of Eq. 2 and 3, for a normalised grid.

    The paper's translation ``b_x = x + (r - l) / 2 - W / 2`` is the box's centre against the
    image's, in pixels; on a grid that spans ``[-1, 1]`` it is ``2 b_x / W``. The margin ``alpha``
    is in the boxes already (see :func:`expand_boxes`).

    Args:
        boxes: (K, 4) in pixels of an image of ``size``.
        size: Its height and width.

    Returns:
        Tensor: (K, 2, 3), which map crop coordinates to image coordinates.
    """
    h, w = size
    x1, y1, x2, y2 = boxes.unbind(-1)
    zero = torch.zeros_like(x1)
    row_x = torch.stack(((x2 - x1) / w, zero, (x1 + x2) / w - 1), dim=-1)
    row_y = torch.stack((zero, (y2 - y1) / h, (y1 + y2) / h - 1), dim=-1)
    return torch.stack((row_x, row_y), dim=-2)


def invert_theta(theta: Tensor, eps: float = 1e-7) -> Tensor:
    """The true inverse ``x = (x' - b) / s``.

    Eq. 4 prints ``-b`` where the inverse needs ``-b / s``; as printed, a mask does not come back
    to its place. ``eps`` guards against a box of zero size; the paper adds it, here it is a lower
    bound, so that a whole-image box is its own inverse exactly.
    """
    sx, sy = theta[:, 0, 0].clamp(min=eps), theta[:, 1, 1].clamp(min=eps)
    zero = torch.zeros_like(sx)
    row_x = torch.stack((1 / sx, zero, -theta[:, 0, 2] / sx), dim=-1)
    row_y = torch.stack((zero, 1 / sy, -theta[:, 1, 2] / sy), dim=-1)
    return torch.stack((row_x, row_y), dim=-2)


def theta_to_grid(theta: Tensor, size: tuple[int, int]) -> Tensor:
    """Sampling points of an axis-parallel affine map.

    Written out rather than taken from ``F.affine_grid``, which does not export everywhere.

    Args:
        theta: (K, 2, 3).
        size: Height and width of the sampled result.

    Returns:
        Tensor: (K, H, W, 2) normalised ``x, y``.
    """
    x, y = theta_to_axes(theta, size)
    h, w = size
    return torch.stack((x[:, None, :].expand(-1, h, -1), y[:, :, None].expand(-1, -1, w)), dim=-1)


def theta_to_axes(theta: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """The columns' ``x`` (K, W) and the rows' ``y`` (K, H) of :func:`theta_to_grid`."""
    h, w = size
    xs = (torch.arange(w, dtype=theta.dtype, device=theta.device) * 2 + 1) / w - 1
    ys = (torch.arange(h, dtype=theta.dtype, device=theta.device) * 2 + 1) / h - 1
    x = theta[:, 0, 0, None] * xs + theta[:, 0, 2, None]
    y = theta[:, 1, 1, None] * ys + theta[:, 1, 2, None]
    return x, y


def sample(images: Tensor, grid: Tensor, mode: str = 'bilinear') -> Tensor:
    """``F.grid_sample`` in this module's convention; outside the image its border is repeated."""
    return F.grid_sample(images, grid, mode=mode, padding_mode='border', align_corners=False)


def inside(grid: Tensor) -> Tensor:
    """(K, 1, H, W) mask of the grid's points that lie inside the sampled map."""
    return (grid.abs() <= 1).all(dim=-1).unsqueeze(1)


def mask_to_box(mask: Tensor) -> Tensor:
    """The box of a mask's foreground: first column and row, last column and row plus one.

    Args:
        mask: (H, W), foreground where non-zero.

    Returns:
        Tensor: (1, 4) float box, or (0, 4) where the mask is empty.
    """
    ys, xs = torch.nonzero(mask, as_tuple=True)
    if len(ys) == 0:
        return torch.zeros((0, 4), device=mask.device)
    edges = torch.stack((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1))
    return edges.float()[None]
