"""One picture of a study: the slices that matter, side by side."""

from collections.abc import Sequence

import cv2
import numpy as np

from ..files import encode_png
from ..resizing import resize_labels
from .draw import BOX, CLASSES
from .study_check import check_study

SIDE, HEAD, GAP = 256, 18, 4  # of a tile, its title and the gap, in pixels
INK, PAPER = (40, 40, 40), (255, 255, 255)


def study_montage(
    volume: np.ndarray,
    mask: np.ndarray,
    boxes: Sequence[np.ndarray],
    columns: int = 6,
    count: int = 24,
) -> bytes:
    """Slices spread evenly over those with a mask and one on either side, outlined and boxed.

    Without any mask they are spread over the whole volume.

    Args:
        volume: (slices, rows, columns) uint8, grey.
        mask: (slices, rows, columns) uint8, labels; 0 is the background.
        boxes: One (n, 4) array a slice, continuous pixel edges ``x1, y1, x2, y2``.
        columns: Slices in a row.
        count: At most so many slices.

    Returns:
        bytes: A PNG without metadata, the same for the same data.

    Raises:
        ValueError: If the arrays do not fit together, or a number is less than 1.
    """
    check_study(volume, mask, boxes)
    if min(columns, count) < 1:
        raise ValueError(f'columns and count must be at least 1, got {columns} and {count}')
    tiles = [_tile(volume[k], mask[k], boxes[k], f'slice {k}') for k in spread(mask, count)]
    columns = min(columns, len(tiles))
    tiles += [np.full_like(tiles[0], PAPER)] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[k : k + columns]) for k in range(0, len(tiles), columns)]
    return encode_png(np.vstack(rows))


def spread(mask: np.ndarray, count: int) -> list[int]:
    """At most ``count`` slices of a (slices, rows, columns) mask to look at, in their order."""
    marked = np.flatnonzero(mask.any((1, 2)))
    if marked.size:
        ends = [marked[0] - 1, marked[-1] + 1]
        slices = np.array([k for k in [ends[0], *marked, ends[1]] if 0 <= k < len(mask)])
    else:
        slices = np.arange(len(mask))
    if len(slices) > count:
        slices = slices[np.linspace(0, len(slices) - 1, count).round().astype(int)]
    return slices.tolist()


def _tile(image: np.ndarray, mask: np.ndarray, boxes: np.ndarray, title: str) -> np.ndarray:
    # The whole slice in a square, as large as it fits.
    scale = SIDE / max(image.shape)
    size = [max(round(n * scale), 1) for n in image.shape[::-1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.cvtColor(cv2.resize(image, size, interpolation=how), cv2.COLOR_GRAY2BGR)
    labels = resize_labels(mask, size)
    for label in np.unique(labels[labels > 0]):
        part = (labels == label).astype(np.uint8)
        contours, _ = cv2.findContours(part, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, contours, -1, _bgr(CLASSES[(label - 1) % len(CLASSES)]), 1)
    for box in np.asarray(boxes, float).reshape(-1, 4):
        # The edges x1 and x2 lie on either side of the pixels x1 ... x2 - 1.
        x1, y1, x2, y2 = (int(value) for value in np.rint(box * scale))
        cv2.rectangle(picture, (x1, y1), (max(x2 - 1, x1), max(y2 - 1, y1)), _bgr(BOX), 1)

    tile = np.full((SIDE + HEAD + GAP, SIDE + GAP, 3), PAPER, np.uint8)
    tile[HEAD : HEAD + size[1], : size[0]] = picture
    cv2.putText(tile, title, (2, HEAD - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
    return tile


def _bgr(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color[1:]))[::-1]
