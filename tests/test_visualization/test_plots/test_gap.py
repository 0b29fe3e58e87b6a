import pytest

from lsnet_mm.visualization.plots import plot_gap


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
def test_refused(points, message):
    with pytest.raises(ValueError, match=message):
        plot_gap(points)
