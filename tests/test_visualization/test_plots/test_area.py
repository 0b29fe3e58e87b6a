import numpy as np
import pytest

from lsnet_mm.visualization.plots import plot_area
from lsnet_mm.visualization.plots.area import _by_slice, _curve


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
def test_refused(systems, bins, message):
    with pytest.raises(ValueError, match=message):
        plot_area(systems, bins)
