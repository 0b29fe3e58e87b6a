"""Plots of results: one function a plot, from plain numbers to the bytes of a PNG."""

import math
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ..evaluation.functional import SliceRow, scores
from .draw import INK, new_figure, to_png

#: Pixels: the width of a text column on the web, where plots are shown unscaled.
WIDTH = 900
DPI = 100
BINS = 6

#: Okabe and Ito's colours, dark ones first; markers and dashes tell apart more series than these.
COLORS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#000000', '#E69F00', '#56B4E9')
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X', '*')
GREY = '#8A8A8A'
BAR = '#A9CDE4'


def plot_bars(values: Mapping[str, Sequence[float]], label: str = 'DSC (%)') -> bytes:
    """Draw one horizontal bar a system: the mean over its seeds, and each seed as a dot.

    Error bars are the sample standard deviation over seeds; a single seed has none.

    Args:
        values: By system, one value a seed; the first system is on top.
        label: What the values are.

    Returns:
        bytes: A PNG, :data:`lsnet_mm.visualization.plots.WIDTH` pixels wide.

    Raises:
        ValueError: If there is nothing to draw, or a value that is not finite.
    """
    figure, axes = _new_rows(values, label)
    for y, seeds in enumerate(values.values()):
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
        _annotate(axes, text, (end, y), 9)
    if all(value >= 0 for seeds in values.values() for value in seeds):
        axes.set_xlim(left=0)  # where a bar starts, even if a deviation reaches below
    widen(axes)
    return to_png(figure)


def plot_dots(points: Mapping[str, Mapping[str, float]], label: str) -> bytes:
    """Draw one row of joined dots a system, a dot for each of its values.

    Args:
        points: By system, values by what they are of, such as training and validation, or folds;
            the first system is on top.
        label: What the values are.

    Returns:
        bytes: A PNG, :data:`lsnet_mm.visualization.plots.WIDTH` pixels wide.

    Raises:
        ValueError: If there is nothing to draw, or a value that is not finite.
    """
    figure, axes = _new_rows({system: [*own.values()] for system, own in points.items()}, label)
    for y, own in enumerate(points.values()):
        axes.plot([min(own.values()), max(own.values())], [y, y], color=GREY, lw=2.5, zorder=1)
    # Where two agree, the smaller marker lies within the larger.
    names = list(dict.fromkeys(name for own in points.values() for name in own))
    for name, color, marker, size in zip(names, COLORS, MARKERS, range(13, 0, -2), strict=False):
        rows = [(own[name], y) for y, own in enumerate(points.values()) if name in own]
        axes.plot(*zip(*rows, strict=True), marker, color=color, mec='white', ms=size, label=name)
    axes.margins(x=0.1)
    figure.legend(loc='outside upper right', ncols=len(names), fontsize=11, frameon=False)
    return to_png(figure)


def plot_area(rows: Mapping[str, Sequence[SliceRow]]) -> bytes:
    """Draw the mean DSC of the slices in six bins of object area, with its standard error.

    The bins are quantiles over all systems, so that each holds about as many slices and all
    systems have the same ones; equal areas share one. A slice that occurs in several seeds counts
    once, with its mean: seeds are no new slices, and as such they would make the error too small.
    The error takes the slices of a patient as independent;
    :func:`lsnet_mm.evaluation.paired_difference` does not.

    Args:
        rows: By label, the rows of all seeds; slices without foreground are left out.

    Returns:
        bytes: A PNG, :data:`lsnet_mm.visualization.plots.WIDTH` pixels wide.

    Raises:
        ValueError: If a label has no slice with foreground, or there are no labels.
    """
    if not rows:
        raise ValueError('expected the rows of at least one label')
    slices = {label: _by_slice(label, own) for label, own in rows.items()}
    areas = np.concatenate([area for area, _ in slices.values()])
    edges = np.unique(np.quantile(areas, np.linspace(0, 1, BINS + 1)))
    figure, axes = _new_plot(450 + 24 * math.ceil(len(slices) / 2))  # the legend grows
    for low, high in zip(edges[::2], edges[1::2], strict=False):
        axes.axvspan(low, high, color='#F3F3F3', zorder=0)
    starts = []
    for i, (label, (area, dsc)) in enumerate(slices.items()):
        # A little to the side of each other, or the error bars would lie on one line.
        shift = 1.02 ** (i - (len(slices) - 1) / 2)
        x, mean, error = _curve(area, dsc, areas, edges)
        color, marker = COLORS[i % len(COLORS)], MARKERS[i % len(MARKERS)]
        style = dict(color=color, marker=marker, ls='-' if i < len(COLORS) else '--')
        axes.errorbar(x * shift, mean, error, label=label, ms=7, lw=1.8, capsize=4, **style)
        starts.append(x[0])
    axes.set_xscale('log')
    axes.set_xlim(left=0.7 * min(starts))  # not the smallest slice, which may be alone far off
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter('{x:.0f}'))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis='y', color='#E4E4E4')
    bins = f'{max(len(edges) - 1, 1)} bins with about equally many slices'
    axes.set_xlabel(f'Area of the object (pixels), {bins}')
    axes.set_ylabel('Mean DSC of slices ± standard error (%)')
    figure.legend(loc='outside upper center', ncols=2, fontsize=11, frameon=False)
    return to_png(figure)


def _by_slice(label: str, rows: Sequence[SliceRow]) -> tuple[np.ndarray, np.ndarray]:
    """Area in pixels, and DSC in percent as the mean over seeds; both (slices,)."""
    areas, dsc = {}, defaultdict(list)
    for row in rows:
        if row['area'] > 0:
            key = row['case'], row['slice'], row.get('class')
            areas[key] = row['area']
            dsc[key].append(scores(row['tp'], row['fp'], row['fn'])['dsc'])
    if not areas:
        raise ValueError(f'{label!r} has no slice with foreground')
    return np.array(list(areas.values())), np.array([np.mean(dsc[key]) for key in areas])


def _curve(area, dsc, areas, edges) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Median area of all systems, mean and standard error of one, in each bin that it has."""
    bins, all_bins = (np.searchsorted(edges[1:-1], of, side='right') for of in (area, areas))
    points = []
    for i in np.unique(bins):
        own = dsc[bins == i]
        error = own.std(ddof=1) / np.sqrt(len(own)) if len(own) > 1 else np.nan
        points.append((np.median(areas[all_bins == i]), own.mean(), error))
    return tuple(np.array(points).T)


def _new_plot(height: int) -> tuple[Figure, Axes]:
    """An empty plot of ``WIDTH`` by ``height`` pixels without a frame on the top and the right."""
    figure = new_figure(WIDTH / DPI, height / DPI, DPI)
    axes = figure.subplots()
    axes.spines[['top', 'right']].set_visible(False)
    axes.tick_params(labelsize=11, colors=INK)
    axes.xaxis.label.set_size(12)
    axes.yaxis.label.set_size(12)
    axes.set_axisbelow(True)
    return figure, axes


def _new_rows(values: Mapping[str, Sequence[float]], xlabel: str) -> tuple[Figure, Axes]:
    """A plot with one row a label, the first on top at y = 0; long labels are broken."""
    if not values:
        raise ValueError('expected the values of at least one label')
    for label, own in values.items():
        if not len(own) or not np.isfinite(own).all():
            raise ValueError(f'expected finite values of {label!r}, got {list(own)}')
    figure, axes = _new_plot(110 + 48 * len(values))
    axes.set_yticks(range(len(values)), [textwrap.fill(label, 30) for label in values])
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.tick_params(axis='y', length=0)
    axes.grid(axis='x', color='#E4E4E4')
    axes.set_xlabel(xlabel)
    return figure, axes


def _annotate(axes: Axes, text: str, end: tuple[float, float], offset: float) -> None:
    """Write at the right end of a row."""
    style = dict(textcoords='offset points', va='center', fontsize=11, color=INK)
    axes.annotate(text, end, (offset, 0), **style)


def widen(axes: Axes) -> None:
    """Make room at the right end for the text beside the longest row."""
    left, right = axes.get_xlim()
    axes.set_xlim(left, right + 0.16 * (right - left))
