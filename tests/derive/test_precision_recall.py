"""Average precision: ends proven by brute force, scikit-learn's value inside, sums of reciprocals against fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import digamma
from sklearn.metrics import average_precision_score

from streamavg.derive.bins import Bins
from streamavg.derive.interval import UNDEFINED
from streamavg.derive.precision_recall import average_precision, precisions, reciprocals
from tests.derive.histograms import (
    SMALL,
    binned,
    bins_of,
    data_sets,
    exact_bins,
    random_edges,
    rankings,
    true_ap,
)

EPS = 1e-12


@pytest.mark.parametrize("slots", SMALL, ids=str)
def test_both_ends_are_attained_and_nothing_is_outside(slots):
    """Over every ranking with ties that the counts allow; the ends give way only for rounding."""
    bins = bins_of(slots)
    values = [true_ap(ranking) for ranking in rankings(slots)]
    found = average_precision(bins)
    assert Fraction(found.low) <= min(values) or found.low == found.high
    assert max(values) <= Fraction(found.high) or found.low == found.high
    assert (found.low, found.high) == pytest.approx((float(min(values)), float(max(values))), abs=1e-14)
    assert found.low <= found.estimate <= found.high


@pytest.mark.parametrize("seed", range(12))
def test_the_value_of_scikit_learn_is_inside(seed):
    rng = np.random.default_rng(seed)
    for name, truth, scores in data_sets(rng, int(rng.integers(2, 200))):
        value = average_precision_score(truth, scores)
        found = average_precision(
            binned(truth, scores, random_edges(rng, int(rng.integers(2, 40))), witness=rng.random() < 0.7)
        )
        assert found.low - EPS <= value <= found.high + EPS, name
        assert found.low <= found.estimate <= found.high
        settled = average_precision(exact_bins(truth, scores))
        assert settled.low == settled.estimate == settled.high == pytest.approx(value, abs=EPS), name


@pytest.mark.long
def test_the_value_is_inside_in_a_thousand_of_each_kind():
    for seed in range(1000):
        rng = np.random.default_rng((seed, 2))
        for name, truth, scores in data_sets(rng, int(rng.integers(2, 2000))):
            found = average_precision(binned(truth, scores, random_edges(rng, int(rng.integers(2, 100)))))
            assert found.low - EPS <= average_precision_score(truth, scores) <= found.high + EPS, (seed, name)


def reciprocal_sum(x, count):
    return sum((1 / (x + i) for i in range(1, count + 1)), Fraction(0))


@pytest.mark.parametrize("x", [0, Fraction(1, 3), 1, 9, 10**4, 10**9, 10**15])
@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40, 700])
def test_sums_of_reciprocals(x, count):
    exact = float(reciprocal_sum(Fraction(x), count))
    assert reciprocals(np.array([float(x)]), np.array([float(count)]))[0] == pytest.approx(exact, rel=4e-16)


def test_sums_of_reciprocals_of_large_counts():
    x, count = np.array([0.0, 3.5, 1e6, 1e12]), np.array([1e9, 1e12, 1e6, 1e15])
    assert reciprocals(x, count) == pytest.approx(digamma(x + count + 1) - digamma(x + 1), rel=1e-13)


def test_rows_of_a_slot_in_random_order():
    """The estimate against the mean over random orders of one large mixed slot below another."""
    rng = np.random.default_rng(3)
    bins = bins_of([(5, 10, True), (40, 200, False)])
    rows = np.r_[np.ones(40, bool), np.zeros(200, bool)]
    sums = []
    for _ in range(4000):
        order = rng.permutation(rows)
        tp, total = 5 + np.cumsum(order), 15 + np.arange(1, 241)
        sums.append((tp / total)[order].sum())
    found = precisions(bins.chain)
    noise = np.std(sums) / math.sqrt(len(sums))
    # the harmonic shift of a mean of ratios is of order 1 / rows
    assert found.expected[1] == pytest.approx(np.mean(sums), abs=4 * noise + 40 * 0.01)
    assert found.expected[0] == 5 * 5 / 15


def test_estimate_is_the_stated_sum():
    """The i-th of p positives comes after i n / (p + 1) of the others."""
    p, n, tp, fp = 7, 11, 3, 5
    wanted = sum(Fraction(tp + i) / (tp + i + fp + Fraction(i * n, p + 1)) for i in range(1, p + 1))
    found = precisions(bins_of([(tp, fp, True), (p, n, False)]).chain)
    assert found.expected[1] == pytest.approx(float(wanted), rel=1e-14)


def test_estimate_is_near_where_the_tied_form_is_low():
    rng = np.random.default_rng(5)
    truth = rng.random(50_000) < 0.02
    scores = 1 / (1 + np.exp(-(rng.standard_normal(50_000) + 2 * truth - 4)))
    value = average_precision_score(truth, scores)
    edges = np.r_[np.linspace(0, 1, 300), 1.1]
    found = average_precision(binned(truth, scores, edges))
    tied = average_precision_score(truth, np.searchsorted(edges, scores, side="right"))
    assert found.low < value < found.high
    assert abs(found.estimate - value) < 0.2 * abs(tied - value)


def test_one_class_only_is_undefined():
    assert average_precision(bins_of([(3, 0, False)])) is UNDEFINED
    assert average_precision(bins_of([(0, 3, False)])) is UNDEFINED
    assert average_precision(Bins.pooled([])) is UNDEFINED


def test_the_published_example():
    """scikit-learn's own: 0.8333."""
    found = average_precision(exact_bins([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]))
    assert found.estimate == pytest.approx(5 / 6, abs=1e-15)


@pytest.mark.parametrize("scale", [10**6, 10**15])
def test_many_rows_keep_their_digits(scale):
    """The ends of large slots tend to integrals: p - (fp + n) log(1 + p / C) with positives last, in whole shares."""
    p, n, tp, fp = 2 * scale, scale, 3 * scale, 4 * scale
    found = precisions(bins_of([(tp, fp, True), (p, n, False)]).chain)
    rows = tp + fp + n
    assert found.least[1] / p == pytest.approx(1 - (fp + n) / p * math.log1p(p / rows), abs=3 / scale)
    assert found.most[1] / p == pytest.approx((tp + p) / (tp + p + fp), rel=1e-15)
