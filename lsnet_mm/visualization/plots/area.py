"""The scale-variation curve: how the DSC depends on the area of the object."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ...evaluation.functional import Row, scores
from .style import COLORS, MARKERS, new_plot, to_png


def plot_area(rows: Mapping[str, Sequence[Row]], bins: int = 6) -> bytes:
    """Draw the mean DSC of the slices in bins of object area, with its standard error.

    The bins are quantiles over all systems, so that each holds about as many slices and all
    systems have the same ones. A slice that occurs in several seeds counts once, with its mean:
    seeds are no new slices, and as such they would make the error too small. The error takes the
    slices of a patient as independent; :func:`lsnet_mm.evaluation.paired_difference` does not.

    Args:
        rows: By label, the rows of all seeds; slices without foreground are left out.
        bins: At most so many; equal areas share one.

    Returns:
        bytes: A PNG, :data:`lsnet_mm.visualization.plots.WIDTH` pixels wide.

    Raises:
        ValueError: If a label has no slice with foreground, or there are no labels or bins.
    """
    if not rows or bins < 1:
        raise ValueError(f'expected rows and at least one bin, got {len(rows)} labels, {bins} bins')
    slices = {label: _by_slice(label, own) for label, own in rows.items()}
    areas = np.concatenate([area for area, _ in slices.values()])
    edges = np.unique(np.quantile(areas, np.linspace(0, 1, bins + 1)))
    figure, axes = new_plot(450 + 24 * math.ceil(len(slices) / 2))  # the legend grows
    for low, high in zip(edges[::2], edges[1::2], strict=False):
        axes.axvspan(low, high, color='#F3F3F3', zorder=0)
    for i, (label, (area, dsc)) in enumerate(slices.items()):
        # A little to the side of each other, or the error bars would lie on one line.
        shift = 1.02 ** (i - (len(slices) - 1) / 2)
        x, mean, error = _curve(area, dsc, areas, edges)
        axes.errorbar(
            x * shift,
            mean,
            error,
            label=label,
            color=COLORS[i % len(COLORS)],
            marker=MARKERS[i % len(MARKERS)],
            ms=7,
            ls='-' if i < len(COLORS) else '--',
            lw=1.8,
            capsize=4,
        )
    axes.set_xscale('log')
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(StrMethodFormatter('{x:.0f}'))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis='y', color='#E4E4E4')
    axes.set_xlabel(
        f'Area of the object (pixels), {max(len(edges) - 1, 1)} bins with about equally many slices'
    )
    axes.set_ylabel('Mean DSC of slices ± standard error (%)')
    figure.legend(loc='outside upper center', ncols=2, fontsize=11, frameon=False)
    return to_png(figure)


def _by_slice(label: str, rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
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
    inner = edges[1:-1]
    bins, all_bins = (np.searchsorted(inner, of, side='right') for of in (area, areas))
    points = []
    for i in np.unique(bins):
        own = dsc[bins == i]
        error = own.std(ddof=1) / np.sqrt(len(own)) if len(own) > 1 else np.nan
        points.append((np.median(areas[all_bins == i]), own.mean(), error))
    return tuple(np.array(points).T)
