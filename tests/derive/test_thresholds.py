"""Best thresholds: the value is reached by cutting the rows there, and no threshold in the raw scores passes high."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import fbeta_score

import streamavg as sa
from streamavg.derive.thresholds import best_f, best_precision, best_recall, best_youden
from tests.derive.histograms import binned, bins_of, cuts_of, data_sets, exact_bins, random_edges, rankings

SMALL = [
    [(2, 2, False), (1, 0, False)],
    [(0, 1, False), (2, 1, False), (1, 2, True), (1, 1, False)],
    [(1, 1, False), (2, 1, True), (3, 1, False)],
]
REQUIRED = 0.6
CRITERIA = {
    "f1": (best_f, lambda tp, fp, p, n: 2 * tp / (tp + fp + p)),
    "f2": (lambda bins: best_f(bins, 2), lambda tp, fp, p, n: 5 * tp / (tp + fp + 4 * p)),
    "youden": (best_youden, lambda tp, fp, p, n: tp / p - fp / n),
    "recall": (
        lambda bins: best_recall(bins, REQUIRED),
        lambda tp, fp, p, n: tp / p if tp + fp and tp / (tp + fp) >= REQUIRED else 0.0,
    ),
    "precision": (
        lambda bins: best_precision(bins, REQUIRED),
        lambda tp, fp, p, n: tp / (tp + fp) if tp / p >= REQUIRED else 0.0,
    ),
}


def cells_at(truth, scores, threshold):
    predicted = scores >= threshold
    return tuple(int(x.sum()) for x in (truth & predicted, ~truth & predicted, truth & ~predicted, ~truth & ~predicted))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", CRITERIA)
def test_reached_by_the_rows_and_passed_by_none(name, seed):
    ours, value = CRITERIA[name]
    rng = np.random.default_rng(seed)
    for kind, truth, scores in data_sets(rng, int(rng.integers(2, 120))):
        found = ours(binned(truth, scores, random_edges(rng, int(rng.integers(2, 20))), witness=rng.random() < 0.7))
        cells = cells_at(truth, scores, found.threshold)
        assert cells == (found.tp, found.fp, found.fn, found.tn), kind
        p, n = int(truth.sum()), int((~truth).sum())
        assert found.value.low == found.value.estimate == pytest.approx(value(*cells[:2], p, n), abs=1e-15)
        every = [value(*cells_at(truth, scores, t)[:2], p, n) for t in [*np.unique(scores), math.inf]]
        assert found.value.estimate <= max(every) + 1e-15
        assert max(every) <= found.value.high + 1e-15, kind
        alone = ours(exact_bins(truth, scores)).value
        assert alone.low == alone.high == pytest.approx(max(every), abs=1e-15)


@pytest.mark.parametrize("slots", SMALL, ids=str)
@pytest.mark.parametrize("name", CRITERIA)
def test_high_is_attained(name, slots):
    """By some ranking that the counts allow."""
    ours, value = CRITERIA[name]
    bins = bins_of(slots)
    most = max(value(*cut, bins.positives, bins.negatives) for ranking in rankings(slots) for cut in cuts_of(ranking))
    assert ours(bins).value.high == pytest.approx(most, abs=1e-15)


def test_f_is_that_of_scikit_learn():
    rng = np.random.default_rng(8)
    truth, scores = rng.random(80) < 0.3, rng.random(80).round(1)
    for beta in (0.5, 1.0, 3.0):
        found = best_f(exact_bins(truth, scores), beta)
        assert found.value.estimate == pytest.approx(fbeta_score(truth, scores >= found.threshold, beta=beta))
        every = [fbeta_score(truth, scores >= t, beta=beta) for t in np.unique(scores)]
        assert found.value.estimate == pytest.approx(max(every))


def test_which_of_equal_cuts():
    """F1 is 2/3 at both cuts: the fewer predictions; precision 1 at both: the more recall."""
    assert best_f(bins_of([(1, 0, True), (1, 2, True)])).tp == 1
    assert best_precision(bins_of([(1, 0, True), (1, 0, True), (0, 1, True)]), 0.2).tp == 2


def test_nothing_reaches_the_precision():
    found = best_recall(bins_of([(0, 1, True), (1, 1, True)]), 0.9)
    assert (found.threshold, found.value.estimate, found.value.high) == (math.inf, 0.0, 0.0)
    assert (found.tp, found.fp, found.fn, found.tn) == (0, 0, 1, 2)
    inside = best_recall(bins_of([(1, 1, False)]), 0.9)
    assert (inside.threshold, inside.value.estimate, inside.value.high) == (math.inf, 0.0, 1.0)


def test_undefined():
    for name, (ours, _) in CRITERIA.items():
        assert not ours(bins_of([(0, 4, False)])).value.defined, name
    assert not best_youden(bins_of([(4, 0, False)])).value.defined
    assert best_f(bins_of([(4, 0, False)])).value.estimate == 1.0


@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.nan, "0.5", None, [0.5]])
def test_requirements_are_checked(wrong):
    bins = bins_of([(1, 1, False)])
    for ours, name in ((best_recall, "precision"), (best_precision, "recall")):
        with pytest.raises(sa.InputError, match=name):
            ours(bins, wrong)


@pytest.mark.parametrize("beta", [-0.1, 0.0, math.nan])
def test_beta_is_checked(beta):
    with pytest.raises(sa.InputError, match="beta"):
        best_f(bins_of([(1, 1, False)]), beta)


def test_large_counts():
    scale = 10**17
    small = [(2, 1, False), (3, 2, True), (1, 3, False)]
    large = bins_of([(p * scale, n * scale, atom) for p, n, atom in small])
    for name, (ours, _) in CRITERIA.items():
        a, b = ours(bins_of(small)), ours(large)
        assert (b.tp, b.threshold) == (a.tp * scale, a.threshold), name
        assert (b.value.low, b.value.high) == pytest.approx((a.value.low, a.value.high), abs=1e-15)
