"""Marks on one pair of axes, in continuous pixel coordinates: pixel i covers [i, i + 1).

Colours are Okabe and Ito's, which colour-blind readers can tell apart; line styles say the same a
second time.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import Normal, Stroke

from ..utils.files import encode_png
from .slice_view import SliceView

GT, PRED, BOX, FRAME = '#00C896', '#E8590C', '#F0E442', '#FFFFFF'
INK, PAPER = '#1A1A1A', '#FFFFFF'

#: Of predicted classes in their order, then from the front again.
CLASSES = (PRED, '#56B4E9', '#00C896', '#CC79A7', '#E69F00', '#0072B2')

#: Transparent to opaque: where the heatmap is silent the image shows.
HEAT = LinearSegmentedColormap.from_list(
    'heat', [to_rgba('#440154', 0.0), to_rgba('#CC4778', 0.55), to_rgba('#FCE640', 0.9)]
)
_SHADOW = [Stroke(linewidth=2.6, foreground='black', alpha=0.55), Normal()]


def new_figure(width: float, height: float, dpi: int) -> Figure:
    """A figure that belongs to no window and no global state; sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor=PAPER, layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def to_array(figure: Figure) -> np.ndarray:
    """Render a figure to (H, W, 3) uint8, RGB."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def png_bytes(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8, RGB, as a PNG without metadata."""
    return encode_png(image[..., ::-1])


def show_image(
    axes: Axes, image: np.ndarray, window: Sequence[float] | None = None, title: str = ''
) -> None:
    """Show a grey image, or the part of it inside a window ``x1, y1, x2, y2``."""
    height, width = image.shape
    x1, y1, x2, y2 = window or (0, 0, width, height)
    axes.imshow(image, cmap='gray', vmin=0, vmax=255, extent=(0, width, height, 0))
    axes.set(xlim=(x1, x2), ylim=(y2, y1), xticks=[], yticks=[], autoscale_on=False)
    axes.set_title(title, fontsize=8, color=INK, pad=3)
    axes.spines[:].set_visible(False)


def draw_mask(axes: Axes, mask: np.ndarray | None, color: str, filled: bool = False) -> None:
    """Outline a mask along its pixels, over a translucent fill if asked for."""
    if mask is None or not mask.any():
        return
    height, width = mask.shape
    if filled:
        fill = np.zeros((height, width, 4))
        fill[mask] = to_rgba(color, 0.28)
        axes.imshow(fill, extent=(0, width, height, 0), interpolation='nearest')
    # The half level runs between pixel centres; a frame of background closes it at the border.
    padded = np.pad(mask, 1).astype(float)
    x, y = np.arange(width + 2) - 0.5, np.arange(height + 2) - 0.5
    axes.contour(x, y, padded, levels=[0.5], colors=[color], linewidths=1.3)


def draw_boxes(
    axes: Axes,
    boxes: np.ndarray | None,
    color: str,
    dashed: bool = False,
    scores: np.ndarray | None = None,
) -> None:
    """Draw boxes ``x1, y1, x2, y2``, each with its score in percent if there is one."""
    if boxes is None:
        return
    for i, (x1, y1, x2, y2) in enumerate(boxes):
        style = {'linestyle': (0, (4, 2)) if dashed else '-', 'linewidth': 1.3}
        patch = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor=color, **style)
        patch.set_path_effects(_SHADOW)
        axes.add_patch(patch)
        if scores is not None:
            text = axes.text(x1, y1, f'{100 * scores[i]:.0f}', color=color, fontsize=7, va='bottom')
            text.set_path_effects([Stroke(linewidth=1.6, foreground='black'), Normal()])
            text.set_clip_on(True)


def draw_heatmap(axes: Axes, heatmap: np.ndarray, shape: tuple[int, int]) -> None:
    """Lay a heatmap of probabilities over the image that it covers, whatever its resolution."""
    heat = cv2.resize(heatmap.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    axes.imshow(heat, cmap=HEAT, vmin=0, vmax=1, extent=(0, shape[1], shape[0], 0))


def draw_legend(figure: Figure, views: Sequence[SliceView]) -> None:
    """Explain the marks that these views have, below the axes."""
    handles = [
        Line2D([], [], color=GT, label='ground truth'),
        Patch(facecolor=to_rgba(PRED, 0.35), edgecolor=PRED, label='prediction'),
    ]
    if any(view.pred_boxes is not None for view in views):
        label = 'predicted box (score, %)'
        handles.append(Line2D([], [], color='#B8AC00', linestyle='--', label=label))
    if any(view.heatmap is not None for view in views):
        handles.append(Patch(facecolor=HEAT(0.8), label='heatmap of centres'))
    columns = len(handles) if figure.get_figwidth() > 6 else 2
    figure.legend(
        handles=handles, loc='outside lower center', ncols=columns, fontsize=8, frameon=False
    )
