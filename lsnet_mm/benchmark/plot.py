"""The speed of all systems as one picture."""

import textwrap

from matplotlib.axes import Axes

from ..visualization.draw import INK, new_figure
from ..visualization.plots.bars import BAR
from ..visualization.plots.style import COLORS, DPI, WIDTH, to_png, widen

PANELS = dict(inference='Inference', training='Training step')


def plot_speed(results: dict) -> bytes | None:
    """Bars at the median, and each round as a dot: inference beside the training step.

    Args:
        results: As in the JSON file.

    Returns:
        bytes: A PNG; None if neither was measured.
    """
    parts = [part for part in PANELS if part in results['parts']]
    if not parts:
        return None
    names = list(results['parts'][parts[0]])
    figure = new_figure(WIDTH / DPI, (110 + 48 * len(names)) / DPI, DPI)
    panels = figure.subplots(1, len(parts), sharey=True, squeeze=False)[0]
    panels[0].set_yticks(
        range(len(names)), [textwrap.fill(name.replace('_', ' '), 24) for name in names]
    )
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    for axes, part in zip(panels, parts, strict=True):
        _draw(axes, results['parts'][part])
        axes.set_xlabel(f'{PANELS[part]} (slices/s)', size=12)
    return to_png(figure)


def _draw(axes: Axes, rows: dict[str, dict]) -> None:
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(labelsize=11, colors=INK)
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x', color='#E4E4E4')
    axes.set_axisbelow(True)
    for y, row in enumerate(rows.values()):
        middle, rates = row['slices_per_second']['median'], row['rates']
        axes.barh(y, middle, height=0.62, color=BAR)
        axes.plot(rates, [y] * len(rates), 'o', color=COLORS[0], mec='white', ms=6)
        place = dict(textcoords='offset points', va='center', fontsize=11, color=INK)
        axes.annotate(f'{middle:.1f}', (max(rates), y), (9, 0), **place)
    axes.set_xlim(left=0)
    widen(axes)
