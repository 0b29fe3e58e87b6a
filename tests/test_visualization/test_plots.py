import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest

from lsnet_mm.visualization.plots import BAR, _by_slice, _curve, plot_area, plot_bars, plot_gap


@pytest.fixture
def check_plot():
    """Draw twice: the same bytes, a picture of the stated size, and no trace in pyplot."""

    def check(plot, *args, height, **kwargs):
        png = plot(*args, **kwargs)
        assert plot(*args, **kwargs) == png
        assert b'matplotlib' not in png.lower()
        image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (height, 900, 3)
        assert plt.get_fignums() == []
        # Ink at the very border would be a clipped label; the right one only has axes.
        assert (image[[0, -1]] == 255).all()
        assert (image[:, [0, -1]] == 255).all()
        return image

    return check


def row(index, area, dsc, case='p'):
    tp = round(area * dsc / 100)
    return {'case': case, 'slice': index, 'area': area, 'tp': tp, 'fp': area - tp, 'fn': area - tp}


def rows(count=24, offset=0):
    return [row(i, 100 * (i + 1), 30 + 2 * i + offset) for i in range(count)]


def test_systems(check_plot):
    check_plot(plot_area, {'L-SNet': rows(offset=9), 'U-Net': rows()}, height=474)


def test_the_legend_grows(check_plot):
    systems = {f'system {i}': rows(offset=i) for i in range(9)}
    check_plot(plot_area, systems, bins=3, height=570)


def test_one_slice(check_plot):
    check_plot(plot_area, {'a': [row(0, 70, 50)]}, height=474)


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


@pytest.mark.parametrize(
    ('systems', 'bins', 'message'),
    [
        ({}, 6, 'got 0 labels, 6 bins'),
        ({'a': rows()}, 0, 'got 1 labels, 0 bins'),
        ({'a': rows(), 'b': []}, 6, "'b' has no slice with foreground"),
        ({'a': [row(0, 0, 0)]}, 6, "'a' has no slice with foreground"),
    ],
)
def test_areas_refused(systems, bins, message):
    with pytest.raises(ValueError, match=message):
        plot_area(systems, bins)


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
def test_bars_refused(values, message):
    with pytest.raises(ValueError, match=message):
        plot_bars(values)


def test_gaps(check_plot):
    check_plot(plot_gap, {'gamma 0': (62.0, 54.5), 'gamma 1': (81.0, 50.2)}, height=206)


def test_no_gap_and_one_the_other_way(check_plot):
    check_plot(plot_gap, {'same': (50.0, 50.0)}, height=158)
    check_plot(plot_gap, {'below': (50.0, 60.0)}, height=158)


def test_training_and_validation_differ():
    assert plot_gap({'a': (50.0, 60.0)}) != plot_gap({'a': (60.0, 50.0)})


@pytest.mark.parametrize(
    ('points', 'message'),
    [
        ({}, 'at least one pair'),
        ({'a': (50.0, float('nan'))}, r"'a' has values that are not finite: \[50.0, nan\]"),
    ],
)
def test_gaps_refused(points, message):
    with pytest.raises(ValueError, match=message):
        plot_gap(points)
