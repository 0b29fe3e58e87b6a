"""What two localizers are worth that never look at a slice: to be above them takes learning."""

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.optimize import minimize

from ...datasets import SliceFolderDataset
from ...evaluation.boxes import boxes_around, centers, iou, sides
from ...models.geometry import mask_to_box


def floors(
    data_root: str | Path, folds: str | list | dict | None = None, fold: int | str | None = None
) -> dict[str, float]:
    """Box mIoU in percent on ``val`` of two floors chosen on ``train``.

    ``one box`` is the same for all slices; ``true centre, one size`` is told where the object is,
    so only what is above it has learnt sizes.

    Args:
        data_root: Of :class:`lsnet_mm.datasets.SliceFolderDataset`, and so are the others.
        folds: Lists of cases, or their file; by default the folders are the split.
        fold: Which of them.
    """
    train, val = (
        mask_boxes(mask for _, mask in _dataset(data_root, split, folds, fold).split_files())
        for split in ('train', 'val')
    )
    return {
        'one box': 100.0 * float(iou(best_constant_box(train), val).mean()),
        'true centre, one size': 100.0 * float(iou(center_with_one_size(train, val), val).mean()),
    }


def best_constant_box(train_boxes: np.ndarray) -> np.ndarray:
    """The box (4,) with the highest mean IoU with (n, 4) boxes."""
    return _best(lambda box: iou(box, train_boxes), np.median(train_boxes, axis=0))


def center_with_one_size(train_boxes: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) at the centres of ``boxes``, all of the size that is best on ``train_boxes``."""

    def score(size: np.ndarray) -> np.ndarray:
        return iou(boxes_around(centers(train_boxes), size), train_boxes)

    size = _best(score, np.median(sides(train_boxes), axis=0))
    return boxes_around(centers(boxes), size)


def mask_boxes(files: Iterable[Path]) -> np.ndarray:
    """The boxes (n, 4) of masks with foreground, in pixels of the slice."""
    masks = (torch.from_numpy(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)) for file in files)
    return torch.cat([mask_to_box((mask > 0) & (mask != 255)) for mask in masks]).double().numpy()


def _best(score: Callable[[np.ndarray], np.ndarray], start: np.ndarray) -> np.ndarray:
    """Where the mean of a score is highest; it has no slope at places, so by coordinates."""
    return minimize(lambda x: -score(x).mean(), start, method='Powell').x


def _dataset(data_root, split, folds, fold) -> SliceFolderDataset:
    return SliceFolderDataset(str(data_root), split, folds=folds, fold=fold, lazy_init=True)
