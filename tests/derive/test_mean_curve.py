"""The mean curve: its areas are the means of the areas, which the usual interpolation misses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import auc, roc_auc_score, roc_curve
from sklearn.model_selection import train_test_split

import streamavg as sa
from streamavg.derive.auc import roc_auc
from streamavg.derive.curves import roc_line
from streamavg.derive.interval import mean
from streamavg.derive.mean_curve import mean_line, mean_pr_table, mean_roc_table
from streamavg.derive.precision_recall import average_precision
from tests.derive.histograms import binned, bins_of, data_sets, exact_bins, random_edges

SIDES = ("low", "estimate", "high")


def areas(table, x, y):
    return [np.trapezoid(table[name].to_numpy(), table[x].to_numpy()) for name in (f"{y}_low", y, f"{y}_high")]


def classes_of(rng, rows):
    for _, truth, scores in data_sets(rng, rows):
        yield binned(truth, scores, random_edges(rng, int(rng.integers(2, 40))), witness=rng.random() < 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_areas_are_the_means_of_the_areas(seed):
    rng = np.random.default_rng(seed)
    several = list(classes_of(rng, int(rng.integers(2, 300))))
    weights = rng.random(len(several)).round(1)
    for given in (None, weights):
        wanted = mean([roc_auc(one) for one in several], given)
        table = mean_roc_table(several, given)
        assert areas(table, "fpr", "tpr") == pytest.approx([getattr(wanted, side) for side in SIDES], abs=1e-12)
        wanted = mean([average_precision(one) for one in several], given)
        low, estimate, high = areas(mean_pr_table(several, given), "recall", "precision")
        assert estimate == pytest.approx(wanted.estimate, abs=1e-12)
        assert low <= wanted.low + 1e-12
        assert high == pytest.approx(wanted.high, abs=1e-12)


def limit(line_x, line_y, at, side):
    """The value of a polyline just left or right of `at`, by looking at the segment there."""
    for x0, x1, y0, y1 in zip(line_x[:-1], line_x[1:], line_y[:-1], line_y[1:], strict=True):
        if (x0 < at <= x1) if side == "left" else (x0 <= at < x1):
            return y0 + (y1 - y0) * (at - x0) / (x1 - x0)
    return line_y[0] if side == "left" else line_y[-1]


@pytest.mark.parametrize("seed", range(3))
def test_limits_at_every_x_are_the_means_of_limits(seed):
    rng = np.random.default_rng(seed)
    lines = [roc_line(one) for one in classes_of(rng, 25)]
    found = mean_line(lines)
    assert (np.diff(found.x) >= 0).all()
    assert set(found.x) <= {x for line in lines for x in line.x}
    for at in np.unique(found.x):
        points = np.flatnonzero(found.x == at)
        for side, point in (("left", points[0]), ("right", points[-1])):
            for name in ("low", "y", "high"):
                wanted = np.mean([limit(line.x, getattr(line, name), at, side) for line in lines])
                assert getattr(found, name)[point] == pytest.approx(wanted, abs=1e-12)


def test_it_starts_and_ends_where_curves_do():
    found = mean_roc_table([bins_of([(1, 0, True), (1, 2, False)]), bins_of([(0, 1, True), (1, 1, False)])])
    first, last = found.to_pylist()[0], found.to_pylist()[-1]
    assert first == {"fpr": 0.0, "tpr_low": 0.0, "tpr": 0.0, "tpr_high": 0.0}
    assert last == {"fpr": 1.0, "tpr_low": 1.0, "tpr": 1.0, "tpr_high": 1.0}


def test_classes_without_both_kinds_leave():
    one = bins_of([(2, 1, False), (1, 3, True)])
    assert mean_roc_table([one, bins_of([(3, 0, True)])], [1, 7]) == mean_roc_table([one])
    for nothing in ([], [bins_of([(3, 0, True)])]):
        with pytest.raises(sa.InputError, match="mean curve"):
            mean_roc_table(nothing)


def interpolated(curves):
    """The recipe that is widely copied: np.interp of every class at all false positive rates."""
    every = np.unique(np.concatenate([fpr for fpr, _ in curves]))
    return auc(every, np.mean([np.interp(every, fpr, tpr) for fpr, tpr in curves], axis=0))


def test_the_usual_recipe_is_too_high_on_the_example_of_scikit_learn():
    """Published: 0.788133 by np.interp, 0.776000 for the mean of the areas; ours is the mean."""
    data, target = load_iris(return_X_y=True)
    noise = np.random.RandomState(0).randn(len(data), 200 * data.shape[1])
    parts = train_test_split(np.c_[data, noise], target, test_size=0.5, stratify=target, random_state=0)
    scores = LogisticRegression().fit(parts[0], parts[2]).predict_proba(parts[1])
    hot = parts[3][:, None] == np.arange(3)
    curves = [roc_curve(hot[:, c], scores[:, c])[:2] for c in range(3)]
    truth = roc_auc_score(parts[3], scores, multi_class="ovr", average="macro")
    assert (round(truth, 4), round(interpolated(curves), 4)) == (0.776, 0.7881)
    table = mean_roc_table([exact_bins(hot[:, c], scores[:, c]) for c in range(3)])
    assert areas(table, "fpr", "tpr") == pytest.approx([truth] * 3, abs=1e-12)


@pytest.mark.parametrize("rows", [60, 300])
def test_the_usual_recipe_is_biased_up(rows):
    rng = np.random.default_rng(rows)
    bias = []
    for _ in range(30):
        truth = np.r_[np.arange(4), rng.integers(0, 4, rows - 4)]
        scores = rng.standard_normal((rows, 4)) + (truth[:, None] == np.arange(4))
        hot = truth[:, None] == np.arange(4)
        bins = [exact_bins(hot[:, c], scores[:, c]) for c in range(4)]
        value = roc_auc_score(hot, scores, average="macro")
        assert areas(mean_roc_table(bins), "fpr", "tpr")[1] == pytest.approx(value, abs=1e-12)
        bias.append(interpolated([roc_curve(hot[:, c], scores[:, c])[:2] for c in range(4)]) - value)
    assert min(bias) >= -1e-12
    assert np.mean(bias) > 0.3 / rows
