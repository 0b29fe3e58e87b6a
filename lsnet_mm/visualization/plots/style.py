"""What all plots share: their size, their colours and how rows are labelled."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..draw import INK, new_figure

#: Pixels: the width of a text column on the web, where plots are shown unscaled.
WIDTH = 900
DPI = 100

#: Okabe and Ito's colours, dark ones first; markers and dashes tell apart more series than these.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#E69F00', '#56B4E9')
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X', '*')
GREY = '#8A8A8A'


def new_plot(height: int) -> tuple[Figure, Axes]:
    """An empty plot of ``WIDTH`` by ``height`` pixels without a frame on the top and the right."""
    figure = new_figure(WIDTH / DPI, height / DPI, DPI)
    axes = figure.subplots()
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(labelsize=11, colors=INK)
    axes.xaxis.label.set_size(12)
    axes.yaxis.label.set_size(12)
    axes.set_axisbelow(True)
    return figure, axes


def new_rows(labels: Sequence[str]) -> tuple[Figure, Axes]:
    """A plot with one row a label, the first on top at y = 0; long labels are broken."""
    figure, axes = new_plot(110 + 48 * len(labels))
    axes.set_yticks(range(len(labels)), [textwrap.fill(label, 30) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x', color='#E4E4E4')
    return figure, axes


def widen(axes: Axes) -> None:
    """Make room at the right end for the text beside the longest row."""
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + 0.16 * (right - left))


def to_png(figure: Figure) -> bytes:
    """The plot as a PNG without metadata, the same for the same numbers."""
    buffer = BytesIO()
    figure.savefig(buffer, format='png', dpi=DPI, metadata={'Software': None})
    return buffer.getvalue()


def check_finite(label: str, values: Iterable[float]) -> None:
    """Raise ValueError if there is a value that cannot be drawn."""
    values = list(values)
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f'{label!r} has values that are not finite: {values}')
