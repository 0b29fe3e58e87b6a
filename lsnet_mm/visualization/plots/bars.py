"""Systems side by side: how good each is, and how much its seeds differ."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..draw import INK
from .style import COLORS, check_finite, new_rows, to_png, widen

BAR = '#A9CDE4'


def plot_bars(values: Mapping[str, Sequence[float]], ylabel: str = 'DSC (%)') -> bytes:
    """Draw one horizontal bar a system: the mean over its seeds, and each seed as a dot.

    Error bars are the sample standard deviation over seeds; a single seed has none.

    Args:
        values: By label, one value a seed; the first label is on top.
        ylabel: What the bars measure, with its unit.

    Returns:
        bytes: A PNG, :data:`lsnet_mm.visualization.plots.WIDTH` pixels wide.

    Raises:
        ValueError: If there is nothing to draw, or a value that is not finite.
    """
    if not values or not all(len(seeds) for seeds in values.values()):
        raise ValueError(f'every bar needs a value, got {dict(values)}')
    figure, axes = new_rows(list(values))
    for y, (label, seeds) in enumerate(values.items()):
        check_finite(label, seeds)
        mean = float(np.mean(seeds))
        text, end = f'{mean:.1f}', max(mean, *seeds)
        axes.barh(y, mean, height=0.62, color=BAR)
        if len(seeds) > 1:
            std = float(np.std(seeds, ddof=1))
            text, end = f'{mean:.1f} ± {std:.1f}', max(end, mean + std)
            axes.errorbar(mean, y, xerr=std, color=INK, capsize=5, lw=1.5)
        # Seeds a pixel apart would hide each other on one line.
        offsets = np.linspace(-0.16, 0.16, len(seeds)) if len(seeds) > 1 else [0]
        axes.plot(seeds, y + np.array(offsets), 'o', color=COLORS[0], mec='white', ms=7)
        axes.annotate(
            text, (end, y), (9, 0), textcoords='offset points', va='center', fontsize=11, color=INK
        )
    if all(value >= 0 for seeds in values.values() for value in seeds):
        axes.set_xlim(left=0)  # where a bar starts, even if a deviation reaches below
    widen(axes)
    axes.set_xlabel(ylabel)
    return to_png(figure)
