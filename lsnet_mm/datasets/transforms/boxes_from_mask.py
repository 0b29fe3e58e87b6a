import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from ...registry import TRANSFORMS

REFERENCE_WIDTH = 320  # the paper's input size, in pixels
IGNORE = 255


@TRANSFORMS.register_module()
class BoxesFromMask(BaseTransform):
    """Boxes of the objects in a mask: its 8-connected components.

    A box is [min col, min row, max col + 1, max row + 1], the edges of its pixels.

    Required key: ``gt_seg_map`` (H, W). Added keys: ``gt_bboxes`` (n, 4) float32 in pixels of
    that mask, ``gt_bboxes_labels`` (n,) int64, all 0. An image without a mask passes through.

    Args:
        min_area: Components with fewer pixels are left out, in pixels of a 320x320 image; it
            scales with the image's area, so that an object is one at every size. Where all are
            smaller the largest stays: a slice with pancreas has an object.
        merge_distance: Objects whose box centres are closer than this become one, in pixels of a
            320 wide image; it scales with the width. The heatmap (Eq. 1) cannot keep centres
            apart that are closer than about 76 such pixels. 0 never merges.
    """

    def __init__(self, min_area: float = 10, merge_distance: float = 0.0) -> None:
        if min_area < 0 or merge_distance < 0:
            raise ValueError('BoxesFromMask: min_area and merge_distance must not be negative.')
        self.min_area = min_area
        self.merge_distance = merge_distance

    def transform(self, results: dict) -> dict:
        """Add the boxes."""
        if 'gt_seg_map' not in results:
            return results
        mask = results['gt_seg_map']
        boxes = component_boxes(mask, self.min_area * mask.size / REFERENCE_WIDTH**2)
        boxes = merge_boxes(boxes, self.merge_distance * mask.shape[1] / REFERENCE_WIDTH)
        results['gt_bboxes'] = boxes
        results['gt_bboxes_labels'] = np.zeros(len(boxes), np.int64)
        return results


def component_boxes(mask: np.ndarray, min_area: float) -> np.ndarray:
    """Boxes (n, 4) float32 of the components of a (H, W) mask that have ``min_area`` pixels or
    more; n = 0 for an empty one."""
    foreground = ((mask > 0) & (mask != IGNORE)).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(foreground)
    if not width:
        return np.zeros((0, 4), np.float32)
    # An organ is a small part of its slice: looking for components there only is much faster.
    part = np.ascontiguousarray(foreground[top : top + height, left : left + width])
    _, _, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
    stats = stats[1:]  # row 0 is the background
    area = stats[:, cv2.CC_STAT_AREA]
    stats = stats[area >= min(min_area, area.max())]
    left_top, size = stats[:, :2] + (left, top), stats[:, 2:4]
    return np.hstack([left_top, left_top + size]).astype(np.float32)


def merge_boxes(boxes: np.ndarray, distance: float) -> np.ndarray:
    """Join boxes (n, 4) whose centres are closer than ``distance`` until none are.

    Chains join (single linkage), and a joined box has a new centre, hence the repetition.
    """
    while len(boxes) > 1:
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        count, group = connected_components(cdist(centres, centres) < distance)
        if count == len(boxes):
            break
        parts = [boxes[group == k] for k in range(count)]
        boxes = np.stack([np.r_[p[:, :2].min(axis=0), p[:, 2:].max(axis=0)] for p in parts])
    return boxes
