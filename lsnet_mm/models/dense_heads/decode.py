"""From a heatmap and distances to boxes: pure functions, for inference."""

import torch
from scipy import ndimage
from torch import Tensor

from ..geometry import cell_centers, distances_to_boxes

EIGHT_CONNECTED = ((1, 1, 1), (1, 1, 1), (1, 1, 1))


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
    h, w = heatmap.shape
    points = cell_centers((h, w), stride, heatmap)
    boxes = distances_to_boxes(points, distances.permute(1, 2, 0).reshape(-1, 4))
    active = (heatmap > score_thr).cpu().numpy()
    labels, count = ndimage.label(active, structure=EIGHT_CONNECTED)
    labels = torch.from_numpy(labels).to(heatmap.device).flatten()
    found = [heatmap.new_zeros((0, 4))]
    scores = [heatmap.new_zeros(0)]
    for label in range(1, count + 1):
        cells = (labels == label).nonzero().squeeze(1)
        weights = heatmap.flatten()[cells]
        if vote:
            votes = weights * centerness(distances.flatten(1)[:, cells])
            box = (boxes[cells] * votes[:, None]).sum(0) / votes.sum()
        else:
            box = boxes[center_cell(cells, weights, w)]
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

    Args:
        cells: (m,) flat indices of the component's cells.
        weights: (m,) their probabilities.
        width: Cells in a row.

    Returns:
        Tensor: A flat index.
    """
    y = (cells // width).float().mean().round().long()
    x = (cells % width).float().mean().round().long()
    centroid = y * width + x
    return centroid if (cells == centroid).any() else cells[weights.argmax()]
