"""Areas: the exact value is inside for every data set, both ends are attained, and integers carry them at any size."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

import streamavg as sa
from streamavg.derive.auc import kolmogorov_smirnov, partial_auc, roc_auc, tpr_at_fpr, youden
from streamavg.derive.bins import Bins
from streamavg.derive.interval import UNDEFINED, Interval
from tests.derive.histograms import (
    SMALL,
    binned,
    bins_of,
    both_kinds,
    cuts_of,
    data_sets,
    exact_bins,
    random_edges,
    rankings,
    true_auc,
)

EPS = 1e-12  # what scikit-learn's own float64 sums may lose
RATES = (0.0, 0.05, 0.1, 0.3, 0.75, 1.0)


def curve_of(truth, scores):
    return roc_curve(truth, scores, drop_intermediate=False)[:2]


NUMBERS = {
    "roc_auc": (roc_auc, roc_auc_score),
    "youden": (youden, lambda y, s: np.max(np.subtract(*curve_of(y, s)[::-1]))),
    "kolmogorov_smirnov": (kolmogorov_smirnov, lambda y, s: np.max(np.abs(np.subtract(*curve_of(y, s))))),
}
for _rate in RATES:
    NUMBERS[f"tpr at {_rate}"] = (
        lambda bins, rate=_rate: tpr_at_fpr(bins, rate),
        lambda y, s, rate=_rate: np.max(curve_of(y, s)[1][curve_of(y, s)[0] <= rate]),
    )
    if _rate:
        NUMBERS[f"area to {_rate}"] = (
            lambda bins, rate=_rate: partial_auc(bins, rate),
            lambda y, s, rate=_rate: roc_auc_score(y, s, max_fpr=rate),
        )


@pytest.mark.parametrize("seed", range(12))
def test_the_value_of_scikit_learn_is_inside(seed):
    rng = np.random.default_rng(seed)
    for name, truth, scores in data_sets(rng, int(rng.integers(2, 200))):
        bins = binned(truth, scores, random_edges(rng, int(rng.integers(2, 40))), witness=rng.random() < 0.7)
        alone = exact_bins(truth, scores)
        for what, (ours, theirs) in NUMBERS.items():
            value, found, settled = theirs(truth, scores), ours(bins), ours(alone)
            assert found.low - EPS <= value <= found.high + EPS, (name, what)
            assert found.low <= found.estimate <= found.high
            assert settled.low == settled.estimate == settled.high, (name, what)
            assert settled.estimate == pytest.approx(value, abs=EPS), (name, what)


@pytest.mark.long
def test_the_value_is_inside_in_a_thousand_of_each_kind():
    for seed in range(1000):
        rng = np.random.default_rng((seed, 1))
        for name, truth, scores in data_sets(rng, int(rng.integers(2, 2000))):
            found = roc_auc(binned(truth, scores, random_edges(rng, int(rng.integers(2, 100)))))
            assert found.low - EPS <= roc_auc_score(truth, scores) <= found.high + EPS, (seed, name)


@pytest.mark.parametrize("slots", SMALL, ids=str)
def test_both_ends_are_attained_and_nothing_is_outside(slots):
    """Over every ranking with ties that the counts allow."""
    bins, whole = bins_of(slots), list(rankings(slots))
    p, n = bins.positives, bins.negatives
    for what, (ours, _) in NUMBERS.items():
        found = ours(bins)
        values = [truth_of(what, ranking, p, n) for ranking in whole]
        assert (float(min(values)), float(max(values))) == (found.low, found.high), what


def truth_of(what, ranking, p, n):
    """The number in fractions, straight from its definition."""
    cuts = [(Fraction(tp, p), Fraction(fp, n)) for tp, fp in cuts_of(ranking)]
    kind, _, rate = what.rpartition(" ")
    if what == "roc_auc":
        return true_auc(ranking)
    if what == "youden":
        return max(tpr - fpr for tpr, fpr in cuts)
    if what == "kolmogorov_smirnov":
        return max(abs(tpr - fpr) for tpr, fpr in cuts)
    if kind == "tpr at":
        return max(tpr for tpr, fpr in cuts if float(fpr) <= float(rate))
    end, area = Fraction(float(rate)), Fraction(0)
    for (y0, x0), (y1, x1) in itertools.pairwise(cuts):
        if x1 > x0 and x0 < end:
            stop = min(x1, end)
            y = y0 + (y1 - y0) * (stop - x0) / (x1 - x0)
            area += (stop - x0) * (y0 + y) / 2
    return (1 + (area - end * end / 2) / (end - end * end / 2)) / 2


def test_estimate_halves_what_is_open():
    found = roc_auc(bins_of([(1, 2, False), (3, 1, True), (2, 2, False)]))
    assert found.estimate == pytest.approx((found.low + found.high) / 2, abs=1e-16)
    assert found.width == pytest.approx((1 * 2 + 2 * 2) / (6 * 5))


def test_one_class_only_is_undefined():
    for slots in ([(3, 0, False)], [(0, 3, True)]):
        for ours, _ in NUMBERS.values():
            assert ours(bins_of(slots)) is UNDEFINED
    assert roc_auc(Bins.pooled([])) is UNDEFINED


def test_unstandardized_area_is_the_plain_area():
    bins = bins_of([(2, 1, False), (1, 3, True), (1, 1, False)])
    whole, half = roc_auc(bins), partial_auc(bins, 0.5, standardized=False)
    assert partial_auc(bins, 1.0, standardized=False) == whole
    assert 0 < half.low < half.high < 0.5


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.1, math.nan])
def test_rates_are_checked(rate):
    bins = bins_of([(1, 1, False)])
    with pytest.raises(sa.InputError, match="max_fpr"):
        partial_auc(bins, rate)
    if rate:
        with pytest.raises(sa.InputError, match="fpr"):
            tpr_at_fpr(bins, rate)


def test_a_rate_as_a_float_means_the_share_people_write():
    """0.3 * 10 is below 3 in exact arithmetic, but 3 of 10 is 0.3 as a float."""
    bins = bins_of([(0, 1, True)] * 3 + [(1, 0, True)] + [(0, 1, True)] * 7)
    assert tpr_at_fpr(bins, 0.3).estimate == 1.0
    assert tpr_at_fpr(bins, 0.29).estimate == 0.0


@pytest.mark.parametrize("scale", [1, 10**6, 4 * 10**9 // 6, 10**17])
def test_any_number_of_rows_is_exact(scale):
    """P = N = 4e9 passes 2**63 in 2PN; 1e17 passes it in every product."""
    slots = [(2, 1, False), (3, 2, True), (1, 3, False)]
    small, large = bins_of(slots), bins_of([(p * scale, n * scale, atom) for p, n, atom in slots])
    for what, (ours, _) in NUMBERS.items():
        if what.startswith("tpr"):  # whose estimate is about single rows
            assert (ours(large).low, ours(large).high) == (ours(small).low, ours(small).high)
        else:
            assert ours(large) == ours(small), what


def test_large_uneven_counts_in_fractions():
    rng = np.random.default_rng(0)
    p, n = rng.integers(0, 2**57, 40), rng.integers(0, 2**57, 40)
    bins = Bins.of(p, n, np.zeros(40, bool), np.arange(40.0), np.arange(40.0) + 0.5)
    positives, negatives = p.tolist(), n.tolist()
    below = [sum(negatives[:k]) for k in range(40)]
    low = Fraction(sum(a * b for a, b in zip(positives, below, strict=True)), sum(positives) * sum(negatives))
    width = Fraction(sum(a * b for a, b in zip(positives, negatives, strict=True)), sum(positives) * sum(negatives))
    assert roc_auc(bins) == Interval(float(low), float(low + width / 2), float(low + width), "bins")


def test_the_published_example():
    """scikit-learn's own: 0.75."""
    truth, scores = [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]
    assert roc_auc(exact_bins(truth, scores)).estimate == 0.75


def test_rare_scores_are_not_chance():
    """torchmetrics with 200 thresholds answers 0.50 where all scores are near 1e-4; slots that fit hold the truth."""
    rng = np.random.default_rng(1)
    truth = both_kinds(rng, rng.random(20_000) < 0.01)
    scores = 1e-4 * np.exp(0.5 * rng.standard_normal(20_000) + truth)
    value = roc_auc_score(truth, scores)
    assert value > 0.7
    wide = roc_auc(binned(truth, scores, np.linspace(0, 1.001, 201)))
    assert wide.low <= value <= wide.high
    assert wide.width > 0.9, "and says that it does not know"
    fine = roc_auc(binned(truth, scores, np.r_[0, np.geomspace(1e-6, 1, 2000), 2]))
    assert fine.low <= value <= fine.high
    assert fine.width < 0.01
