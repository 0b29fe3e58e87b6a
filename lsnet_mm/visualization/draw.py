"""Pictures of slices: the image, the ground truth, the boxes, the masks and the heatmap.

Marks are in continuous pixel coordinates: pixel i covers [i, i + 1). Line styles say a second time
what colours say.
"""

from collections.abc import Sequence
from io import BytesIO

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import Normal, Stroke
from mmengine.structures import BaseDataElement

from ..models.geometry import mask_to_box
from ..utils.colors import BOX, GT, PRED, class_colors

INK, PAPER = '#1A1A1A', '#FFFFFF'

#: From transparent to opaque, so that where the heatmap is silent the image shows.
HEAT = LinearSegmentedColormap.from_list(
    'heat', [to_rgba('#440154', 0.0), to_rgba('#CC4778', 0.55), to_rgba('#FCE640', 0.9)]
)
IGNORED = 255
COLUMNS = 4  # slices in a row of a panel
MARGIN, SMALLEST = 24, 96  # pixels around what is marked, and the least side of a window


class SliceView:
    """What can be seen of one slice, in the pixels of the original image; None is what its
    sample has not, or what is not shown.

    Args:
        image: (H, W) or (H, W, C), grey values in [0, 255], at the original size.
        sample: With any of ``gt_sem_seg``, ``gt_instances``, ``pred_sem_seg``,
            ``pred_instances``, ``pred_heatmap``; boxes in original pixels.
        gt: Show the ground truth.
        pred: Show the prediction.
        classes: Names of the labels from 1 on; of several each has a colour of its own.

    Attributes:
        image: (H, W) uint8.
        gt: (H, W) uint8 labels, ignored pixels being 0.
        pred: The same of the prediction.
        colors: (class, colour of its ground truth, of its prediction), from label 1 on.
        gt_boxes: (n, 4) continuous pixel edges ``x1, y1, x2, y2``.
        pred_boxes: The same of the prediction.
        scores: (n,) in [0, 1], of the predicted boxes.
        heatmap: (h, w) in [0, 1], covering the whole image at its own resolution.

    Raises:
        ValueError: If a mask has another size than the image.
    """

    def __init__(
        self,
        image: np.ndarray,
        sample: BaseDataElement,
        gt: bool = True,
        pred: bool = True,
        classes: Sequence[str] = (),
    ) -> None:
        if image.ndim == 3:
            image = image[..., image.shape[-1] // 2]
        self.image = np.clip(image, 0, 255).astype(np.uint8)
        self.colors = [('', GT, PRED)]
        if len(classes) > 1:
            self.colors = [
                (c, color, color) for c, color in zip(classes, class_colors(classes), strict=True)
            ]
        sample = sample.numpy()
        true = sample if gt and 'gt_sem_seg' in sample else {}
        found = sample if pred and 'pred_sem_seg' in sample else {}
        self.gt, self.pred = self._mask(true, 'gt_sem_seg'), self._mask(found, 'pred_sem_seg')
        self.gt_boxes = true.get('gt_instances', {}).get('bboxes')
        self.pred_boxes = found.get('pred_instances', {}).get('bboxes')
        self.scores = found.get('pred_instances', {}).get('scores')
        self.heatmap = found.get('pred_heatmap').data[0] if 'pred_heatmap' in found else None

    def _mask(self, sample: BaseDataElement | dict, name: str) -> np.ndarray | None:
        if name not in sample:
            return None
        labels = sample.get(name).data[0]
        if labels.shape != self.image.shape:
            raise ValueError(
                f'{name} and image must have the same size, '
                f'got {labels.shape} and {self.image.shape}'
            )
        labels = np.where(labels == IGNORED, 0, labels).astype(np.uint8)
        return labels if len(self.colors) > 1 else (labels > 0).astype(np.uint8)

    def window(self) -> tuple[float, ...]:
        """A square around everything marked: ``x1, y1, x2, y2``, inside the image if it fits."""
        height, width = self.image.shape
        boxes = [boxes for boxes in (self.gt_boxes, self.pred_boxes) if boxes is not None]
        masks = [mask for mask in (self.gt, self.pred) if mask is not None]
        boxes += [mask_to_box(torch.from_numpy(mask > 0)).numpy().astype(float) for mask in masks]
        boxes = np.concatenate([np.zeros((0, 4)), *boxes])
        if not len(boxes):
            return 0.0, 0.0, float(width), float(height)
        (x1, y1), (x2, y2) = boxes[:, :2].min(0) - MARGIN, boxes[:, 2:].max(0) + MARGIN
        side = min(max(x2 - x1, y2 - y1, SMALLEST), width, height)
        x1 = np.clip((x1 + x2 - side) / 2, 0, width - side)
        y1 = np.clip((y1 + y2 - side) / 2, 0, height - side)
        return float(x1), float(y1), float(x1 + side), float(y1 + side)


def input_image(inputs: torch.Tensor, shape: tuple[int, int]) -> np.ndarray:
    """The image that a model was given, at the original size.

    Volumes have no image file to read again; the windowed slice is in the batch.

    Args:
        inputs: (C, h, w), values in [0, 255]; of several channels the middle one is shown, which
            is the slice itself where its neighbours are stacked around it.
        shape: Original (H, W).

    Returns:
        np.ndarray: (H, W) uint8.
    """
    image = inputs[inputs.shape[0] // 2].cpu().numpy().clip(0, 255).astype(np.float32)
    image = cv2.resize(image, tuple(shape[::-1]), interpolation=cv2.INTER_LINEAR)
    return image.round().astype(np.uint8)


def draw_panel(
    items: Sequence[SliceView],
    titles: Sequence[str],
    groups: Sequence[str] | None = None,
    dpi: int = 110,
) -> bytes:
    """Slices on one page, each as a pair: the whole slice, and the square around its marks.

    A white frame in the first, under the heatmap if there is one, locates the second, which has
    the masks and boxes.

    Args:
        items: The slices.
        titles: One for each; best in two short lines.
        groups: The name of each slice's group; consecutive slices of one group share a row, whose
            head names it. None fills the rows one after the other.
        dpi: Dots an inch; a slice is 4.4 inches wide.

    Returns:
        bytes: A PNG without metadata.
    """
    if not items or len(items) != len(titles):
        raise ValueError(f'expected a title for each slice, got {len(items)} and {len(titles)}')
    rows: list[tuple[str, list]] = []
    for group, *item in zip(groups or [''] * len(items), items, titles, strict=True):
        if not rows or rows[-1][0] != group or len(rows[-1][1]) == COLUMNS:
            rows.append((group, []))
        rows[-1][1].append(item)
    columns = max(len(row) for _, row in rows)
    figure = new_figure(4.4 * columns, 2.48 * len(rows) + 0.4, dpi)
    grid = figure.subfigures(len(rows), columns, squeeze=False, wspace=0.02)
    for (group, row), cells in zip(rows, grid, strict=True):
        for cell, (view, title) in zip(cells, row, strict=False):
            cell.suptitle(title, fontsize=8.5)
            _draw_pair(*cell.subplots(1, 2), view)
        if group:
            cells[0].supylabel(group, fontsize=10, fontweight='bold')
    _draw_legend(figure, items)
    return to_png(figure)


def new_figure(width: float, height: float, dpi: int) -> Figure:
    """A figure that belongs to no window and no global state; sizes in inches."""
    return Figure(figsize=(width, height), dpi=dpi, facecolor=PAPER, layout='constrained')


def to_png(figure: Figure) -> bytes:
    """A figure as a PNG without metadata, the same for the same data."""
    buffer = BytesIO()
    figure.savefig(buffer, format='png', dpi=figure.dpi, metadata={'Software': None})
    return buffer.getvalue()


def _draw_pair(left: Axes, right: Axes, view: SliceView) -> None:
    x1, y1, x2, y2 = view.window()
    show_image(left, view.image)
    if view.heatmap is not None:
        height, width = view.image.shape
        heat = cv2.resize(view.heatmap.astype(np.float32), (width, height))
        left.imshow(heat, cmap=HEAT, vmin=0, vmax=1, extent=(0, width, height, 0))
    left.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=PAPER, lw=0.9))
    show_image(right, view.image)
    right.set(xlim=(x1, x2), ylim=(y2, y1))
    for label, (name, true, found) in enumerate(view.colors, start=1):
        if view.pred is not None:
            draw_mask(right, view.pred == label, found, filled=True, outlined=not name)
        if view.gt is not None:
            draw_mask(right, view.gt == label, true)
    draw_boxes(right, view.gt_boxes, GT)
    draw_boxes(right, view.pred_boxes, BOX, (0, (4, 2)), view.scores)


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Show a (H, W) uint8 image without axes; what is drawn over it moves nothing."""
    height, width = image.shape
    axes.imshow(image, cmap='gray', vmin=0, vmax=255, extent=(0, width, height, 0))
    axes.set(xlim=(0, width), ylim=(height, 0), xticks=[], yticks=[], autoscale_on=False)
    axes.spines[:].set_visible(False)


def draw_mask(
    axes: Axes, mask: np.ndarray, color: str, filled: bool = False, outlined: bool = True
) -> None:
    """Outline a mask along its pixels, over a translucent fill if asked for, or fill it alone."""
    if not mask.any():
        return
    height, width = mask.shape
    if filled:
        fill = np.zeros((height, width, 4))
        fill[mask] = to_rgba(color, 0.28 if outlined else 0.45)
        axes.imshow(fill, extent=(0, width, height, 0), interpolation='nearest')
    if not outlined:
        return
    # The half level runs between pixel centres; a frame of background closes it at the border.
    padded = np.pad(mask, 1).astype(float)
    x, y = np.arange(width + 2) - 0.5, np.arange(height + 2) - 0.5
    axes.contour(x, y, padded, levels=[0.5], colors=[color], linewidths=1.3)


def draw_boxes(
    axes: Axes,
    boxes: np.ndarray | None,
    color: str,
    line: str | tuple = '-',
    scores: np.ndarray | None = None,
) -> None:
    """Draw boxes ``x1, y1, x2, y2``, each with its score in percent if there is one."""
    for i, (x1, y1, x2, y2) in enumerate(() if boxes is None else boxes):
        patch = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, ec=color, ls=line, lw=1.3)
        shadow = Stroke(linewidth=2.6, foreground='black', alpha=0.55)
        patch.set_path_effects([shadow, Normal()])
        axes.add_patch(patch)
        if scores is not None:
            text = axes.text(x1, y1, f'{100 * scores[i]:.0f}', color=color, fontsize=7, va='bottom')
            text.set_path_effects([Stroke(linewidth=1.6, foreground='black'), Normal()])
            text.set_clip_on(True)


def _draw_legend(figure: Figure, views: Sequence[SliceView]) -> None:
    """Explain the marks that these views have, below the axes."""
    true = any(view.gt is not None for view in views)
    found = any(view.pred is not None for view in views)
    several, handles = len(views[0].colors) > 1, []
    if several:
        handles += [Patch(facecolor=color, label=name) for name, color, _ in views[0].colors]
    if true and several:
        handles.append(Line2D([], [], color=INK, label='outline: ground truth'))
        handles.append(Line2D([], [], color=GT, label='true box'))
    elif true:
        handles.append(Line2D([], [], color=GT, label='ground truth'))
    if found and several:
        handles.append(Patch(facecolor=to_rgba(INK, 0.35), label='fill: prediction'))
    elif found:
        handles.append(Patch(facecolor=to_rgba(PRED, 0.35), edgecolor=PRED, label='prediction'))
    if any(view.pred_boxes is not None for view in views):
        label = 'predicted box (score, %)'
        handles.append(Line2D([], [], color='#B8AC00', linestyle='--', label=label))
    if any(view.heatmap is not None for view in views):
        handles.append(Patch(facecolor=HEAT(0.8), label='heatmap of centres'))
    columns = max(len(handles), 1) if figure.get_figwidth() > 6 else 2
    figure.legend(
        handles=handles, loc='outside lower center', ncols=columns, fontsize=8, frameon=False
    )
