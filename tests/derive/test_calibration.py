"""Calibration: against plain loops over rows; the true error of the same groups is inside; debiasing works."""

from __future__ import annotations

import math

import numpy as np
import pytest

import streamavg as sa
from streamavg.derive.bins import Bins
from streamavg.derive.calibration import ece, equal_mass, equal_width, reliability
from tests.derive.histograms import binned, bins_of, data_sets, exact_bins, random_edges

SQUARED = (False, True)


def table_of(truth, scores, bands=15):
    """Rows, positives and sum of score in units of 2**-30 of each band, by a loop."""
    table = np.zeros((bands, 3), np.int64)
    for y, s in zip(truth.tolist(), scores.tolist(), strict=True):
        table[min(int(s * bands), bands - 1)] += (1, y, round(s * 2**30))
    return table


def true_ece(truth, scores, group, debiased):
    """From its definition, over the rows of each group."""
    total = 0.0
    for g in np.unique(group):
        y, s = truth[group == g], scores[group == g]
        gap, share = s.mean() - y.mean(), y.mean()
        noise = share * (1 - share) / (len(y) - 1) if len(y) > 1 else 0.0
        total += len(y) * (gap * gap - noise if debiased else abs(gap))
    value = total / len(truth)
    return math.copysign(math.sqrt(abs(value)), value) if debiased else value


@pytest.mark.parametrize("debiased", SQUARED)
@pytest.mark.parametrize("seed", range(6))
def test_equal_width(seed, debiased):
    rng = np.random.default_rng(seed)
    for name, truth, scores in data_sets(rng, int(rng.integers(2, 150))):
        found = ece(equal_width(table_of(truth, scores)), debiased)
        value = true_ece(truth, scores, np.minimum((scores * 15).astype(int), 14), debiased)
        assert found.low - 1e-12 <= value <= found.high + 1e-12, name
        # the square root of a difference near 0 widens what 2**-31 a score leaves open
        assert found.width <= (1e-4 if debiased else 2**-30)


@pytest.mark.parametrize("debiased", SQUARED)
@pytest.mark.parametrize("seed", range(6))
def test_equal_mass(seed, debiased):
    rng = np.random.default_rng(seed)
    for name, truth, scores in data_sets(rng, int(rng.integers(2, 150))):
        bins = binned(truth, scores, random_edges(rng, int(rng.integers(2, 40))), witness=rng.random() < 0.7)
        groups = equal_mass(bins, int(rng.integers(1, 16)))
        group = np.searchsorted(groups.least, scores, side="right") - 1
        found, value = ece(groups, debiased), true_ece(truth, scores, group, debiased)
        slack = 1e-7 if debiased else 1e-12
        assert found.low - slack <= value <= found.high + slack, name
        assert found.low <= found.estimate <= found.high
        for g in np.unique(group):
            inside = scores[group == g]
            assert groups.mean_low[g] - 1e-12 <= inside.mean() <= groups.mean_high[g] + 1e-12
            assert groups.least[g] <= inside.min()
            assert inside.max() <= groups.most[g]
            assert (len(inside), truth[group == g].sum()) == (groups.rows[g], groups.positives[g])


@pytest.mark.parametrize("debiased", SQUARED)
def test_single_scores_leave_nothing_open(debiased):
    rng = np.random.default_rng(3)
    truth, scores = rng.random(300) < 0.4, rng.random(300).round(2)
    groups = equal_mass(exact_bins(truth, scores))
    group = np.searchsorted(groups.least, scores, side="right") - 1
    found = ece(groups, debiased)
    assert found.low == found.high == pytest.approx(true_ece(truth, scores, group, debiased), abs=1e-12)


def test_groups_are_as_equal_as_slots_allow():
    def rows(counts, groups):
        return equal_mass(bins_of([(0, n, True) for n in counts[::-1]]), groups).rows.tolist()

    assert rows([1] * 12, 4) == [3, 3, 3, 3]
    assert rows([1, 1, 8, 1, 1], 4) == [2, 8, 2]  # one slot holds more than its part
    assert rows([10], 5) == [10]
    assert rows([4, 1, 1], 2) == [4, 2]
    assert rows([1, 2], 1) == [3]
    big = 3 * 10**17
    assert rows([big] * 12, 4) == [3 * big] * 4


def test_bias_of_a_calibrated_model():
    """Published for 15 bands: .088 plain and .0018 debiased at 200 rows, .029 and .0032 at 2,000."""
    rng = np.random.default_rng(11)
    for rows, plain, most in ((200, 0.088, 0.03), (2000, 0.029, 0.012)):
        values = {debiased: [] for debiased in SQUARED}
        for _ in range(60):
            scores = rng.random(rows)
            truth = rng.random(rows) < scores
            groups = equal_width(table_of(truth, scores))
            for debiased in SQUARED:
                values[debiased].append(ece(groups, debiased).estimate)
        assert np.mean(values[False]) == pytest.approx(plain, rel=0.15)
        squares = np.square(values[True]) * np.sign(values[True])
        assert abs(np.mean(squares)) < most**2
        assert np.mean(squares) == pytest.approx(0, abs=4 * np.std(squares) / math.sqrt(60))


def test_a_real_error_stays():
    rng = np.random.default_rng(12)
    scores = rng.random(20_000)
    truth = rng.random(20_000) < np.clip(scores - 0.1, 0, 1)
    for groups in (equal_width(table_of(truth, scores)), equal_mass(binned(truth, scores, np.linspace(0, 1, 500)))):
        assert ece(groups).estimate == pytest.approx(0.1, abs=0.02)
        assert ece(groups, debiased=True).estimate == pytest.approx(0.1, abs=0.02)


def test_estimate_takes_the_middle_of_slots():
    groups = equal_mass(Bins.of(*map(np.array, ([1, 0], [1, 2], [False, False], [0.5, 0.8], [0.75, 1.0]))), 1)
    assert groups.mean_low == pytest.approx((2 * 0.5 + 2 * 0.8) / 4)
    assert groups.mean == pytest.approx((2 * 0.625 + 2 * 0.9) / 4)
    assert groups.mean_high == pytest.approx((2 * 0.75 + 2 * 1.0) / 4)


def test_nothing_and_nonsense():
    assert not ece(equal_width(np.zeros((15, 3), np.int64))).defined
    assert not ece(equal_mass(Bins.pooled([]))).defined
    with pytest.raises(sa.InputError, match="groups"):
        equal_mass(bins_of([(1, 1, False)]), 0)
    with pytest.raises(sa.InputError, match="probabilities"):
        equal_mass(Bins.of(*map(np.array, ([1], [1], [False], [-2.0], [-1.0]))))


def test_reliability_table():
    table = reliability(equal_width(np.array([[0, 0, 0], [4, 1, 3 * 2**30]])))
    (row,) = table.to_pylist()
    assert (row["score_low"], row["score_high"], row["rows"], row["positives"]) == (0.5, 1.0, 4, 1)
    assert (row["score"], row["share"]) == (0.75, 0.25)
    assert 0 < row["mean_high"] - row["mean_low"] <= 2**-30
