from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

from ..models.geometry import mask_to_box

IGNORED = 255


@dataclass(frozen=True, eq=False)
class SliceView:
    """What can be seen of one slice, in the pixels of the original image.

    Attributes:
        image: (H, W) uint8.
        gt: (H, W) bool, or None without ground truth.
        pred: (H, W) bool, or None without a prediction.
        gt_boxes: (n, 4) continuous pixel edges ``x1, y1, x2, y2``.
        pred_boxes: (m, 4), or None for a one-stage model.
        box_scores: (m,) in [0, 1], or None.
        heatmap: (h, w) in [0, 1], covering the whole image at its own resolution, or None.
    """

    image: np.ndarray
    gt: np.ndarray | None = None
    pred: np.ndarray | None = None
    gt_boxes: np.ndarray | None = None
    pred_boxes: np.ndarray | None = None
    box_scores: np.ndarray | None = None
    heatmap: np.ndarray | None = None

    @classmethod
    def from_sample(
        cls, image: np.ndarray, sample: BaseDataElement, gt: bool = True, pred: bool = True
    ) -> SliceView:
        """Take from a sample what it has.

        Args:
            image: (H, W) or (H, W, C), grey values in [0, 255], at the original size.
            sample: With any of ``gt_sem_seg``, ``gt_instances``, ``pred_sem_seg``,
                ``pred_instances``, ``pred_heatmap``; boxes in original pixels.
            gt: Show the ground truth.
            pred: Show the prediction.
        """
        fields = {'image': _grey(image)}
        if gt and 'gt_sem_seg' in sample:
            fields['gt'] = _foreground(sample.gt_sem_seg.data)
            fields['gt_boxes'] = _boxes(sample, 'gt_instances')
        if pred and 'pred_sem_seg' in sample:
            fields['pred'] = _foreground(sample.pred_sem_seg.data)
            fields['pred_boxes'] = _boxes(sample, 'pred_instances')
            if 'pred_instances' in sample and 'scores' in sample.pred_instances:
                fields['box_scores'] = _numpy(sample.pred_instances.scores)
            if 'pred_heatmap' in sample:
                fields['heatmap'] = _numpy(sample.pred_heatmap.data)[0]
        return cls(**fields)

    def __post_init__(self) -> None:
        for name in ('gt', 'pred'):
            mask = getattr(self, name)
            if mask is not None and mask.shape != self.image.shape:
                raise ValueError(
                    f'{name} and image must have the same size, '
                    f'got {mask.shape} and {self.image.shape}'
                )

    def window(self, margin: float = 24.0, smallest: float = 96.0) -> tuple[float, ...]:
        """A square around everything marked: ``x1, y1, x2, y2``, inside the image if it fits.

        Args:
            margin: Added on each side, in pixels.
            smallest: The least side, in pixels.
        """
        height, width = self.image.shape
        boxes = [b for b in (self.gt_boxes, self.pred_boxes) if b is not None and len(b)]
        masks = [m for m in (self.gt, self.pred) if m is not None and m.any()]
        boxes += [mask_to_box(torch.from_numpy(m)).numpy().astype(float) for m in masks]
        if not boxes:
            return 0.0, 0.0, float(width), float(height)
        boxes = np.concatenate(boxes)
        (x1, y1), (x2, y2) = boxes[:, :2].min(0) - margin, boxes[:, 2:].max(0) + margin
        side = min(max(x2 - x1, y2 - y1, smallest), width, height)
        x1 = np.clip((x1 + x2 - side) / 2, 0, width - side)
        y1 = np.clip((y1 + y2 - side) / 2, 0, height - side)
        return float(x1), float(y1), float(x1 + side), float(y1 + side)


def input_image(inputs: Tensor, shape: tuple[int, int]) -> np.ndarray:
    """The image that a model was given, at the original size.

    Volumes have no image file to read again; the windowed slice is in the batch.

    Args:
        inputs: (C, h, w), values in [0, 255]; of several channels the middle one is shown, which
            is the slice itself where its neighbours are stacked around it.
        shape: Original (H, W).

    Returns:
        np.ndarray: (H, W) uint8.
    """
    image = _numpy(inputs)[inputs.shape[0] // 2].clip(0, 255).astype(np.float32)
    if image.shape != tuple(shape):
        image = cv2.resize(image, tuple(shape[::-1]), interpolation=cv2.INTER_LINEAR)
    return image.round().astype(np.uint8)


def _grey(image: np.ndarray) -> np.ndarray:
    if image.ndim == 3:
        image = image[..., image.shape[-1] // 2]
    return np.clip(image, 0, 255).astype(np.uint8)


def _foreground(labels: Tensor) -> np.ndarray:
    labels = _numpy(labels)[0]
    return (labels > 0) & (labels != IGNORED)


def _boxes(sample: BaseDataElement, field: str) -> np.ndarray | None:
    return _numpy(getattr(sample, field).bboxes) if field in sample else None


def _numpy(array: Tensor | np.ndarray) -> np.ndarray:
    return array.detach().cpu().numpy() if isinstance(array, Tensor) else np.asarray(array)
