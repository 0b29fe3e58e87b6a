"""Pictures of slices, each drawn whole from what it is given."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .draw import (
    BOX,
    FRAME,
    GT,
    PRED,
    draw_boxes,
    draw_heatmap,
    draw_legend,
    draw_mask,
    new_figure,
    show_image,
    to_array,
)
from .slice_view import SliceView


def draw_slice(view: SliceView, title: str = '', dpi: int = 110) -> np.ndarray:
    """One slice in up to four parts: image, ground truth, prediction, heatmap.

    The first and the last show the whole slice, the others the square around what is marked,
    which the white frame in the first locates.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.
    """
    window = view.window()
    parts = ['image']
    parts += ['ground truth'] if view.gt is not None else []
    parts += ['prediction'] if view.pred is not None else []
    parts += ['heatmap'] if view.heatmap is not None else []
    figure = new_figure(2.9 * len(parts), 3.5, dpi)
    figure.suptitle(title, fontsize=9)
    for axes, part in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
        whole = part in ('image', 'heatmap')
        show_image(axes, view.image, None if whole else window, part)
        if part == 'image':
            _frame(axes, window)
        elif part == 'ground truth':
            draw_mask(axes, view.gt, GT)
            draw_boxes(axes, view.gt_boxes, GT)
        elif part == 'prediction':
            draw_mask(axes, view.pred, PRED, filled=True)
            draw_mask(axes, view.gt, GT)
            draw_boxes(axes, view.pred_boxes, BOX, dashed=True, scores=view.box_scores)
        else:
            draw_heatmap(axes, view.heatmap, view.image.shape)
            draw_boxes(axes, view.gt_boxes, GT)
            draw_boxes(axes, view.pred_boxes, BOX, dashed=True)
    draw_legend(figure, [view])
    return to_array(figure)


def draw_panel(
    items: Sequence[SliceView],
    titles: Sequence[str],
    groups: Sequence[str] | None = None,
    columns: int = 4,
    dpi: int = 110,
) -> np.ndarray:
    """Many slices on one page, each as a pair: the whole slice, and the square around its marks.

    Args:
        items: The slices.
        titles: One for each; best in two short lines.
        groups: The name of each slice's group; consecutive slices of one group share a row, whose
            head names it. None fills the rows one after the other.
        columns: Slices in a row.
        dpi: Dots an inch; a slice is 4.4 inches wide.

    Returns:
        np.ndarray: (H, W, 3) uint8, RGB.
    """
    if not items or len(items) != len(titles):
        raise ValueError(f'expected a title for each slice, got {len(items)} and {len(titles)}')
    rows = _rows(groups or [''] * len(items), columns)
    columns = max(len(row) for _, row in rows)
    figure = new_figure(4.4 * columns, 2.48 * len(rows) + 0.4, dpi)
    grid = figure.subfigures(len(rows), columns, squeeze=False, wspace=0.02)
    for (group, row), cells in zip(rows, grid, strict=True):
        for cell, index in zip(cells, row, strict=False):
            _draw_pair(cell, items[index], titles[index])
        if group:
            cells[0].supylabel(group, fontsize=10, fontweight='bold')
    draw_legend(figure, items)
    return to_array(figure)


def _draw_pair(cell: Figure, view: SliceView, title: str) -> None:
    window = view.window()
    cell.suptitle(title, fontsize=8.5)
    left, right = cell.subplots(1, 2)
    show_image(left, view.image)
    if view.heatmap is not None:
        draw_heatmap(left, view.heatmap, view.image.shape)
    _frame(left, window)
    show_image(right, view.image, window)
    draw_mask(right, view.pred, PRED, filled=True)
    draw_mask(right, view.gt, GT)
    draw_boxes(right, view.gt_boxes, GT)
    draw_boxes(right, view.pred_boxes, BOX, dashed=True, scores=view.box_scores)


def _frame(axes, window: Sequence[float]) -> None:
    x1, y1, x2, y2 = window
    axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=FRAME, lw=0.9))


def _rows(groups: Sequence[str], columns: int) -> list[tuple[str, list[int]]]:
    rows: list[tuple[str, list[int]]] = []
    for index, group in enumerate(groups):
        if not rows or rows[-1][0] != group or len(rows[-1][1]) == columns:
            rows.append((group, []))
        rows[-1][1].append(index)
    return rows
