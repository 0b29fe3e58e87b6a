import numpy as np
import pytest
from scipy.stats import bootstrap, ttest_1samp

from lsnet_mm.evaluation.functional import aggregate
from lsnet_mm.evaluation.statistics import (
    by_area,
    holm,
    paired_difference,
    per_patient,
)


def row(case, index, dsc, area=100, **kwargs):
    """A slice of the given DSC: as many pixels found as there are, some of them right."""
    tp = round(area * dsc / 100)
    counts = {'tp': tp, 'fp': area - tp, 'fn': area - tp}
    return {'case': case, 'slice': index, 'area': area, **counts, **kwargs}


def runs(*seeds):
    """One run a seed; slices number through each patient: {'p': [dsc, ...]}."""
    return [[row(c, i, d) for c, each in run.items() for i, d in enumerate(each)] for run in seeds]


def random_runs(rng, patients, slices, seeds=1, spread=6.0):
    """Patients of different difficulty to a system, each with several slices."""
    levels = rng.normal(0, spread, patients)
    return [
        [
            row(f'p{i:02}', j, np.clip(60 + levels[i] + rng.normal(0, spread), 0, 100), 1000)
            for i in range(patients)
            for j in range(slices[i])
        ]
        for _ in range(seeds)
    ]


def test_worked_by_hand():
    a, b = runs({'p': [80, 60], 'q': [50]}), runs({'p': [70, 40], 'q': [56]})
    # Slices differ by 10, 20 and -6; the counts of p summed give 70 against 55.
    both = paired_difference(a, b)
    assert both.mean == pytest.approx(24 / 3)
    assert paired_difference(a, b, 'case').mean == pytest.approx((15 - 6) / 2)
    # Of two patients there are three resamples: pp (15), qq (-6) and, half of the time, pq (8).
    assert (both.low, both.high) == pytest.approx((-6, 15))
    assert (both.patients, both.seeds, str(both)) == (2, (1, 1), '+8.0 [-6.0, +15.0]')


@pytest.mark.parametrize('protocol', ['slice_fg', 'case'])
def test_mean_is_the_difference_of_the_scores(protocol):
    """Also with several classes, several seeds, empty slices, and rows in another order."""
    rng = np.random.default_rng(0)

    def system(seeds):
        return [
            [
                row(f'p{i}', j, rng.integers(101), area, **{'class': label})
                for i in range(4)
                for j in range(i + 2)
                for label in (1, 2)
                if (area := 100 * (i + j) * (label + i != 2))
            ]
            + [row('p0', 9, 0, 0, **{'class': 1})]
            for _ in range(seeds)
        ]

    a, b = system(3), system(2)
    score_a, score_b = (
        np.mean([aggregate(rows)[f'{protocol}/dsc'] for rows in each]) for each in (a, b)
    )
    b[1].reverse()
    found = paired_difference(a, b, protocol)
    assert found.mean == pytest.approx(score_a - score_b)
    assert found.seeds == (3, 2)
    assert found.low < found.mean < found.high


@pytest.mark.parametrize(
    ('sizes', 'protocol'),
    [([1] * 12, 'slice_fg'), ([1] * 12, 'case'), ([2 + i % 8 for i in range(12)], 'slice_fg')],
)
def test_interval_is_scipys(sizes, protocol):
    """Patients of different sizes: a ratio of sums, whose two parts scipy resamples as pairs."""
    rng = np.random.default_rng(0)
    a, b = (random_runs(rng, 12, sizes) for _ in 'ab')
    each = per_patient(a, b)
    sums = [each[f'p{i:02}'] * size for i, size in enumerate(sizes)]

    def ratio(s, n, axis=-1):
        return np.sum(s, axis=axis) / np.sum(n, axis=axis)

    expected = bootstrap((sums, sizes), ratio, paired=True, n_resamples=10_000, rng=0)
    found = paired_difference(a, b, protocol)
    assert found.mean == pytest.approx(ratio(sums, sizes))
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval))


def test_no_difference_is_covered():
    """As often as documented for a dozen patients."""
    rng = np.random.default_rng(0)
    sizes = [1 + i % 3 for i in range(12)]
    covered = 0
    for _ in range(600):
        found = paired_difference(*(random_runs(rng, 12, sizes) for _ in 'ab'), samples=500)
        covered += found.low <= 0 <= found.high
    assert 0.88 <= covered / 600 <= 0.94


def test_slices_of_a_patient_stay_together():
    """Copies of each slice add no patients, so they must not narrow the interval."""
    rng = np.random.default_rng(0)
    a, b = (random_runs(rng, 8, [1] * 8) for _ in 'ab')
    copies_a, copies_b = ([[{**r, 'slice': i} for r in of[0] for i in range(10)]] for of in (a, b))
    once, often = paired_difference(a, b), paired_difference(copies_a, copies_b)
    assert (often.low, often.high) == pytest.approx((once.low, once.high), abs=0.02)


def test_it_repeats():
    rng = np.random.default_rng(0)
    a, b = (random_runs(rng, 12, [8] * 12, seeds=3) for _ in 'ab')
    first = paired_difference(a, b)
    assert paired_difference(a, b) == first
    assert paired_difference(a, b, seed=1) != first
    mirrored = paired_difference(b, a)
    assert (mirrored.mean, mirrored.low) == pytest.approx((-first.mean, -first.high))


def test_equal_differences_have_an_interval_without_width(recwarn):
    found = paired_difference(
        runs({'p': [80, 60], 'q': [50], 'r': [40]}), runs({'p': [70, 50], 'q': [40], 'r': [30]})
    )
    assert (found.mean, found.low, found.high) == pytest.approx((10, 10, 10))
    assert not recwarn.list


def test_p_by_hand():
    """Sums of patients are 30, -6 and 12: of eight flips 36 and 48 are as far up, and two down."""
    a, b = runs({'p': [80, 60], 'q': [50], 'r': [70]}), runs({'p': [70, 40], 'q': [56], 'r': [58]})
    assert paired_difference(a, b).p == paired_difference(b, a).p == 0.5
    assert paired_difference(a, a).p == 1
    one = paired_difference(runs({'p': [80, 70]}), runs({'p': [60, 60]}))
    assert one.mean == pytest.approx(15) and np.isnan([one.low, one.high]).all() and one.p == 1


def test_p_of_many_patients_is_near_that_of_t():
    rng = np.random.default_rng(3)
    a, b = (random_runs(rng, 40, [1] * 40) for _ in 'ab')
    difference = np.array([x['tp'] - y['tp'] for x, y in zip(a[0], b[0], strict=True)]) / 10
    assert paired_difference(a, b).p == pytest.approx(ttest_1samp(difference, 0).pvalue, abs=0.02)


def test_p_flips_the_classes_of_a_patient_together():
    """Three patients, in each of whom both classes gain 10: as three observations, not as six."""
    a, b = ([[row(c, 0, dsc, **{'class': k}) for c in 'pqr' for k in (1, 2)]] for dsc in (60, 50))
    assert paired_difference(a, b).p == 2 / 2**3


def test_holm():
    """Holm's own steps: 0.01 x 4, 0.02 x 3, then 0.03 x 2 = 0.06, and 0.04 x 1 is raised to it."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1, 1]
    assert holm([0.3]) == [0.3]
    assert holm([]) == []


def test_per_patient_names_the_worst_first():
    a, b = runs({'p': [80, 60], 'q': [50]}), runs({'p': [70, 40], 'q': [56]})
    assert list(per_patient(a, b).items()) == [('q', pytest.approx(-6)), ('p', pytest.approx(15))]


def test_by_area():
    a = [[row('p', 0, 80, 100), row('p', 1, 60, 200), row('p', 2, 50, 900)]]
    b = [[row('p', 0, 70, 100), row('p', 1, 40, 200), row('p', 2, 56, 900)]]
    bins = by_area(a, b, [100, 200, 300, 400])
    assert list(bins) == [(100, 200), (200, 300), (300, 400)]
    assert bins[100, 200] == (pytest.approx(10), 1)
    assert bins[200, 300] == (pytest.approx(20), 1)
    assert bins[300, 400] == (pytest.approx(float('nan'), nan_ok=True), 0)


ONE = runs({'p': [50, 50], 'q': [50]})


@pytest.mark.parametrize(
    ('a', 'b', 'kwargs', 'message'),
    [
        (ONE, ONE, {'protocol': 'pooled'}, r"unknown protocol 'pooled', choose from \['slice_fg'"),
        ([], ONE, {}, 'both systems need a run, got 0 of a and 1 of b'),
        (ONE, [], {}, 'both systems need a run, got 1 of a and 0 of b'),
        (ONE, [*ONE, []], {}, r'a\[0\] and b\[1\] differ in 3 '),
        (ONE, runs({'p': [50, 50]}), {}, r"a\[0\] and b\[0\] differ in 1 .*\('q', 0, None\)"),
        ([*ONE, *runs({'p': [1]})], ONE, {}, r'a\[0\] and a\[1\] differ in 2 '),
        (ONE, [ONE[0] + ONE[0][:1]], {}, r"b\[0\] has .*\('p', 0, None\) twice"),
        (ONE, [[{**r, 'class': 1} for r in ONE[0]]], {}, r"in 6 .*: \('p', 0, 1\), .*, \.\.\."),
        (ONE, [[*ONE[0][:2], row('q', 0, 50, 80)]], {}, r"same area.* in 1 .*\('q', 0, None\)"),
        ([[row('p', 0, 0, 0)]], [[row('p', 0, 0, 0)]], {}, 'no slice has foreground'),
    ],
)
def test_refused(a, b, kwargs, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(a, b, **kwargs)
