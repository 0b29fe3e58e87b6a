import numpy as np
import pytest

from lsnet_mm.visualization.plots import plot_bars
from lsnet_mm.visualization.plots.bars import BAR


def bar_ends(image):
    """The last column of each bar's colour, from the top bar down."""
    rgb = [int(BAR[i : i + 2], 16) for i in (1, 3, 5)]
    found = (image[..., ::-1] == rgb).all(-1)
    rows = np.flatnonzero(np.diff(found.any(1).astype(int), prepend=0) == 1)
    return [int(np.flatnonzero(found[row + 2]).max()) for row in rows]


def test_one_bar_a_system(check_plot):
    image = check_plot(plot_bars, {'L-SNet': [60, 61, 62], 'U-Net': [50]}, height=206)
    ends = bar_ends(image)
    assert len(ends) == 2
    assert ends[0] > ends[1]


def test_seeds_that_spread_below_zero(check_plot):
    check_plot(plot_bars, {'bad': [2, 9, 30]}, 'mIoU (%)', height=158)


def test_long_labels_are_whole(check_plot):
    check_plot(plot_bars, {'a fine net trained on the boxes of the coarse net': [9]}, height=158)


def test_order_and_unit_are_the_callers():
    values = {'a': [1], 'b': [2]}
    swapped = {'b': [2], 'a': [1]}
    assert plot_bars(values) != plot_bars(swapped)
    assert plot_bars(values) != plot_bars(values, 'mIoU (%)')


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({}, r'every bar needs a value, got \{\}'),
        ({'a': [1], 'b': []}, 'every bar needs a value'),
        ({'a': [1, float('nan')]}, r"'a' has values that are not finite: \[1, nan\]"),
    ],
)
def test_refused(values, message):
    with pytest.raises(ValueError, match=message):
        plot_bars(values)
