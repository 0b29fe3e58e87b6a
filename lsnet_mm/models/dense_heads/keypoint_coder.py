"""Boxes to a heatmap and the boxes of its cells, for training, and back again, for inference."""

import math

import torch
from scipy import ndimage
from torch import Tensor

from ..geometry import cell_centers, distances_to_boxes

#: Input side, in pixels, at which the paper states delta and beta.
REFERENCE = 320


def encode(
    boxes: Tensor, size: tuple[int, int], stride: int, delta: float = 20.0, beta: float = 2.0
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


def decode(
    heatmap: Tensor,
    distances: Tensor,
    stride: int,
    score_thr: float = 0.5,
    vote: bool = False,
    max_per_img: int = 100,
) -> tuple[Tensor, Tensor]:
    """One box for each 8-connected component of the activated heatmap (paper, 2.5).

    Args:
        heatmap: (H, W) probabilities.
        distances: (4, H, W) ``l, r, t, b`` in input pixels.
        stride: Input pixels per cell.
        score_thr: Cells above it are activated.
        vote: Average the boxes of all cells of a component, weighted by their probability and
            by :func:`centerness`, instead of taking the box at its centre.
        max_per_img: Boxes at most.

    Returns:
        tuple: Boxes (n, 4) in input pixels and scores (n,), the components' peaks; best first.
    """
    points = cell_centers(heatmap.shape, stride, heatmap)
    boxes = distances_to_boxes(points, distances.permute(1, 2, 0).reshape(-1, 4))
    active = (heatmap > score_thr).cpu().numpy()
    labels, count = ndimage.label(active, structure=ndimage.generate_binary_structure(2, 2))
    labels = torch.from_numpy(labels).to(heatmap.device).flatten()
    found, scores = [heatmap.new_zeros((0, 4))], [heatmap.new_zeros(0)]
    for label in range(1, count + 1):
        cells = (labels == label).nonzero().squeeze(1)
        weights = heatmap.flatten()[cells]
        if vote:
            votes = weights * centerness(distances.flatten(1)[:, cells])
            box = (boxes[cells] * votes[:, None]).sum(0) / votes.sum()
        else:
            box = boxes[center_cell(cells, weights, heatmap.size(1))]
        found.append(box[None])
        scores.append(weights.max()[None])
    boxes, scores = torch.cat(found), torch.cat(scores)
    order = scores.argsort(descending=True, stable=True)[:max_per_img]
    return boxes[order], scores[order]


def centerness(distances: Tensor) -> Tensor:
    """How near to the centre of its own box each cell is (Tian et al., FCOS, Eq. 3).

    The heatmap's flat top is wider than many an organ. A cell outside the object has to put a box
    around itself all the same, since distances are positive: it lies at the rim of that box.

    Args:
        distances: (4, ...) ``l, r, t, b``; nearly 0 comes of a cell outside its box.

    Returns:
        Tensor: (...) in (0, 1], 1 at the centre.
    """
    pairs = distances.clamp(min=1e-3).unflatten(0, (2, 2))
    return (pairs.amin(dim=1) / pairs.amax(dim=1)).prod(dim=0).sqrt()


def center_cell(cells: Tensor, weights: Tensor, width: int) -> Tensor:
    """The cell at a component's centroid, or its peak where the centroid lies outside it.

    Cells (m,) are flat indices into a map of ``width`` cells a row, weights (m,) their
    probabilities; the result is a flat index too.
    """
    y, x = (axis.float().mean().round().long() for axis in (cells // width, cells % width))
    centroid = y * width + x
    return centroid if (cells == centroid).any() else cells[weights.argmax()]
