"""COCO's form of a mask and its boxes: pure functions."""

import numpy as np


def coco_annotations(mask: np.ndarray, boxes: np.ndarray, image_id: int, first_id: int) -> list:
    """The annotations of an image, all of category 1.

    Args:
        mask: (H, W), foreground where non-zero.
        boxes: (n, 4) ``x1, y1, x2, y2`` in whole pixels, as ``BoxesFromMask`` gives them.
        image_id: Of the image.
        first_id: Of its first annotation; the others count on.

    Returns:
        list[dict]: One for each box. Its segmentation is the mask inside the box, its area the
        number of pixels in that; ``bbox`` is ``x, y, width, height``.
    """
    annotations = []
    for x1, y1, x2, y2 in boxes.astype(int).tolist():
        inside = np.zeros(mask.shape, bool)
        inside[y1:y2, x1:x2] = mask[y1:y2, x1:x2] > 0
        annotations.append(
            dict(
                id=first_id + len(annotations),
                image_id=image_id,
                category_id=1,
                bbox=[x1, y1, x2 - x1, y2 - y1],
                area=int(inside.sum()),
                iscrowd=0,
                segmentation=uncompressed_rle(inside),
            )
        )
    return annotations


def uncompressed_rle(mask: np.ndarray) -> dict:
    """Run lengths of a (H, W) mask, column by column, of 0 and 1 in turn and 0 first."""
    flat = mask.flatten(order='F').astype(bool)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate(([0], changes, [flat.size]))).tolist()
    return dict(size=list(mask.shape), counts=[0, *counts] if flat[0] else counts)
