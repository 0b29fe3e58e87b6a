"""How much worse the boxes are in validation than in training."""

from collections.abc import Mapping

from ..draw import INK
from .style import COLORS, GREY, check_finite, new_rows, to_png, widen


def plot_gap(points: Mapping[str, tuple[float, float]]) -> bytes:
    """Draw two joined dots a system, its box IoU in training and in validation, and their gap.

    Args:
        points: By label, the mean box IoU in training and in validation, in percent; the first
            label is on top.

    Returns:
        bytes: A PNG, :data:`lsnet_mm.visualization.plots.WIDTH` pixels wide.

    Raises:
        ValueError: If there is nothing to draw, or a value that is not finite.
    """
    if not points:
        raise ValueError('expected at least one pair of points')
    figure, axes = new_rows(list(points))
    for y, (label, (training, validation)) in enumerate(points.items()):
        check_finite(label, (training, validation))
        axes.plot([training, validation], [y, y], color=GREY, lw=2.5, zorder=1)
        axes.annotate(
            f'gap {training - validation:.1f}',
            (max(training, validation), y),
            (12, 0),
            textcoords='offset points',
            va='center',
            fontsize=11,
            color=INK,
        )
    # Where the two agree, the smaller marker lies within the larger.
    for i, (name, marker) in enumerate((('training', 'o'), ('validation', 'D'))):
        x = [pair[i] for pair in points.values()]
        axes.plot(x, range(len(x)), marker, color=COLORS[i], mec='white', ms=13 - 4 * i, label=name)
    axes.margins(x=0.1)
    widen(axes)
    axes.set_xlabel('Mean IoU of boxes (%)')
    figure.legend(loc='outside upper right', ncols=2, fontsize=11, frameon=False)
    return to_png(figure)
