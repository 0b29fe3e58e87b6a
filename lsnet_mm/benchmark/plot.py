"""The speed of all systems as one picture."""

from ..visualization.draw import INK
from ..visualization.plots.bars import BAR
from ..visualization.plots.style import COLORS, new_rows, to_png, widen


def plot_speed(rows: dict[str, dict], count: int, what: str) -> bytes:
    """Bars at the median, and each round as a dot.

    Args:
        rows: By system, with the seconds of each round as ``turns``.
        count: Slices in a round.
        what: Of what the speed is.

    Returns:
        bytes: A PNG.
    """
    figure, axes = new_rows(list(rows))
    for y, row in enumerate(rows.values()):
        middle, rates = row['slices_per_second']['median'], [count / t for t in row['turns']]
        axes.barh(y, middle, height=0.62, color=BAR)
        axes.plot(rates, [y] * len(rates), 'o', color=COLORS[0], mec='white', ms=6)
        axes.annotate(
            f'{middle:.1f}',
            (max(rates), y),
            (9, 0),
            textcoords='offset points',
            va='center',
            fontsize=11,
            color=INK,
        )
    axes.set_xlim(left=0)
    widen(axes)
    axes.set_xlabel(f'{what} (slices per second)')
    return to_png(figure)
