from functools import partial

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lsnet_mm.visualization.plots import BAR, _by_slice, _curve, plot_area, plot_bars, plot_dots

dots = partial(plot_dots, label='DSC (%)')


def row(index, area, dsc, case='p'):
    tp = round(area * dsc / 100)
    return {'case': case, 'slice': index, 'area': area, 'tp': tp, 'fp': area - tp, 'fn': area - tp}


def rows(count=24, offset=0):
    return [row(i, 100 * (i + 1), 30 + 2 * i + offset) for i in range(count)]


def check_plot(plot, values, height):
    """Draw twice: the same bytes, a picture of the stated size, and no trace in pyplot."""
    png = plot(values)
    assert plot(values) == png
    assert b'matplotlib' not in png.lower()
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (height, 900, 3)
    assert plt.get_fignums() == []
    # Ink at the very border would be a clipped label; the right one only has axes.
    assert (image[[0, -1]] == 255).all()
    assert (image[:, [0, -1]] == 255).all()
    return image


LONG = 'a fine net trained on the boxes of the coarse net'


@pytest.mark.parametrize(
    'plot, values, height',
    [
        (plot_area, {'L-SNet': rows(offset=9), 'U-Net': rows()}, 474),
        (plot_area, {f'system {i}': rows(offset=i) for i in range(9)}, 570),  # a long legend
        (plot_area, {'a': [row(0, 70, 50)]}, 474),
        (plot_bars, {'spreads below zero': [2, 9, 30]}, 158),
        (plot_bars, {LONG: [9]}, 158),
        (dots, {'gamma 0': dict(a=62.0, b=54.5), 'gamma 1': dict(a=81.0, b=50.2)}, 206),
        (dots, {'same': dict(a=50.0, b=50.0)}, 158),
        (dots, {'some': dict(a=50.0, b=60.0), 'fewer': dict(b=60.0)}, 206),
    ],
)
def test_a_plot_is_whole_and_repeats(plot, values, height):
    check_plot(plot, values, height)


def test_curve_by_hand():
    area, dsc = np.array([10, 20, 100, 400]), np.array([30.0, 50.0, 70.0, 80.0])
    x, mean, error = _curve(area, dsc, area, np.array([10, 50, 200, 400]))
    assert x == pytest.approx([15, 100, 400])
    assert mean == pytest.approx([40, 70, 80])
    # Sample deviation 14.14 over the root of 2; a single slice has no error.
    assert error == pytest.approx([10, np.nan, np.nan], nan_ok=True)


def test_a_system_may_lack_a_bin():
    both = np.array([10, 20, 100, 400])
    x, mean, _ = _curve(both[2:], np.array([70.0, 80.0]), both, np.array([10, 50, 400]))
    assert (x.tolist(), mean.tolist()) == ([250], [75])


def test_seeds_are_no_new_slices():
    seeds = [row(0, 100, 40), row(1, 100, 60), row(0, 100, 80), row(1, 100, 60), row(2, 0, 0)]
    area, dsc = _by_slice('a', seeds)
    assert (area.tolist(), dsc.tolist()) == ([100, 100], [60, 60])
    assert plot_area({'a': rows() * 3}) == plot_area({'a': rows()})


def bar_ends(image):
    """The last column of each bar's colour, from the top bar down."""
    rgb = [int(BAR[i : i + 2], 16) for i in (1, 3, 5)]
    found = (image[..., ::-1] == rgb).all(-1)
    rows = np.flatnonzero(np.diff(found.any(1).astype(int), prepend=0) == 1)
    return [int(np.flatnonzero(found[row + 2]).max()) for row in rows]


def test_one_bar_a_system():
    ends = bar_ends(check_plot(plot_bars, {'L-SNet': [60, 61, 62], 'U-Net': [50]}, 206))
    assert len(ends) == 2
    assert ends[0] > ends[1]


def test_order_is_the_callers_and_training_is_not_validation():
    assert plot_bars({'a': [1], 'b': [2]}) != plot_bars({'b': [2], 'a': [1]})
    assert dots({'s': dict(a=50.0, b=60.0)}) != dots({'s': dict(a=60.0, b=50.0)})


@pytest.mark.parametrize(
    'plot, values, message',
    [
        (plot_area, {}, 'at least one label'),
        (plot_area, {'a': rows(), 'b': []}, "'b' has no slice with foreground"),
        (plot_area, {'a': [row(0, 0, 0)]}, "'a' has no slice with foreground"),
        (plot_bars, {}, 'at least one label'),
        (plot_bars, {'a': [1], 'b': []}, "finite values of 'b'"),
        (plot_bars, {'a': [1, float('nan')]}, "finite values of 'a'"),
        (dots, {}, 'at least one label'),
        (dots, {'s': dict(a=50.0, b=float('nan'))}, "finite values of 's'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(plot, values, message):
    with pytest.raises(ValueError, match=message):
        plot(values)
