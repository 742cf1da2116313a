"""Curves: exact points are scikit-learn's, areas are those of the numbers, the true curve lies in the envelope."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

import streamavg as sa
from streamavg.derive.auc import roc_auc
from streamavg.derive.curves import pr_line, pr_table, roc_line, roc_table, threshold_table
from streamavg.derive.precision_recall import average_precision
from tests.derive.histograms import SMALL, binned, bins_of, cuts_of, data_sets, exact_bins, random_edges, rankings


def some_bins(seed):
    """(name, truth, scores, bins) of every kind of data."""
    rng = np.random.default_rng(seed)
    for name, truth, scores in data_sets(rng, int(rng.integers(2, 120))):
        edges = random_edges(rng, int(rng.integers(2, 25)))
        yield name, truth, scores, binned(truth, scores, edges, witness=rng.random() < 0.7)


@pytest.mark.parametrize("seed", range(8))
def test_areas_of_the_lines_are_the_numbers(seed):
    for name, _, _, bins in some_bins(seed):
        area = roc_auc(bins)
        assert roc_line(bins).areas == pytest.approx((area.low, area.estimate, area.high), abs=1e-13), name
        low, estimate, high = pr_line(bins).areas
        found = average_precision(bins)
        assert estimate == pytest.approx(found.estimate, abs=1e-13), name
        assert low <= found.low + 1e-13, name
        assert high == pytest.approx(found.high, abs=1e-13), name


@pytest.mark.parametrize("seed", range(8))
def test_exact_points_are_cuts_of_the_rows(seed):
    for name, truth, scores, bins in some_bins(seed):
        for table, rates in ((roc_table(bins), "fpr tpr"), (pr_table(bins), "recall precision")):
            names = rates.split()
            points = [row for row in table.to_pylist() if row["threshold"] is not None]
            assert len(points) == len(bins.low) + 1
            for row in points:
                predicted = scores >= row["threshold"]
                tp, fp = (truth & predicted).sum(), (~truth & predicted).sum()
                values = {
                    "tpr": tp / truth.sum(),
                    "recall": tp / truth.sum(),
                    "fpr": fp / (~truth).sum(),
                    "precision": tp / (tp + fp) if tp + fp else 1.0,
                }
                assert [row[x] for x in names] == [values[x] for x in names], name
                assert row[f"{names[1]}_low"] == row[names[1]] == row[f"{names[1]}_high"]


@pytest.mark.parametrize("seed", range(4))
def test_single_scores_give_the_curves_of_scikit_learn(seed):
    for name, truth, scores, _ in some_bins(seed):
        table = roc_table(exact_bins(truth, scores))
        fpr, tpr, thresholds = roc_curve(truth, scores, drop_intermediate=False)
        ours = [table[x].to_numpy() for x in ("fpr", "tpr", "threshold")]
        for mine, theirs in zip(ours, (fpr, tpr, thresholds), strict=True):
            assert mine == pytest.approx(theirs, abs=1e-15), name
        table = pr_table(exact_bins(truth, scores))
        points = [row for row in table.to_pylist() if row["threshold"] is not None]
        precision, recall, thresholds = precision_recall_curve(truth, scores)
        assert [row["precision"] for row in points] == pytest.approx(precision[::-1], abs=1e-15)
        assert [row["recall"] for row in points] == pytest.approx(recall[::-1], abs=1e-15)
        assert [row["threshold"] for row in points][1:] == thresholds[::-1].tolist()


def limits(x, y, at):
    """The least and greatest value of a polyline at x, the limits of jumps included."""
    values = [b for a, b in zip(x, y, strict=True) if a == at]
    for x0, x1, y0, y1 in zip(x[:-1], x[1:], y[:-1], y[1:], strict=True):
        if x0 < at < x1:
            values.append(y0 + (y1 - y0) * (at - x0) / (x1 - x0))
    return min(values), max(values)


@pytest.mark.parametrize("slots", SMALL[:5], ids=str)
def test_every_ranking_runs_inside_the_roc_envelope(slots):
    """Between exact points, where all three lines are single valued."""
    line = roc_line(bins_of(slots))
    n = sum(slot[1] for slot in slots)
    for ranking in rankings(slots):
        tpr, fpr = np.array(cuts_of(ranking)).T / np.array([[sum(slot[0] for slot in slots)], [n]])
        for at in (np.arange(4 * n) + 0.5) / (4 * n):
            low, high = limits(line.x, line.low, at)[0], limits(line.x, line.high, at)[1]
            least, most = limits(fpr, tpr, at)
            assert low - 1e-12 <= least <= most <= high + 1e-12


@pytest.mark.parametrize("slots", SMALL[:5], ids=str)
def test_precision_at_every_positive_is_inside_the_pr_envelope(slots):
    line = pr_line(bins_of(slots))
    p = sum(slot[0] for slot in slots)
    seen = {}
    for ranking in rankings(slots):
        cuts = cuts_of(ranking)
        for (before, _), (tp, fp) in itertools.pairwise(cuts):
            for i in range(before, tp):
                seen.setdefault(i, set()).add(tp / (tp + fp))
    for i, values in seen.items():
        low, high = limits(line.x, line.low, (i + 0.5) / p)[0], limits(line.x, line.high, (i + 0.5) / p)[1]
        assert low - 1e-12 <= min(values), i
        assert max(values) <= high + 1e-12, i


@pytest.mark.parametrize("seed", range(5))
def test_threshold_table_against_the_rows(seed):
    for name, truth, scores, bins in some_bins(seed):
        rows = threshold_table(bins).to_pylist()
        assert rows[0]["threshold"] == math.inf
        above = math.inf
        for row in rows:
            here = cells(truth, scores, row["threshold"])
            assert {k: row[k] for k in here} == pytest.approx(here, nan_ok=True), name
            between = [t for t in np.unique(scores) if row["threshold"] <= t < above]
            for t in [*between, row["threshold"]]:
                there = cells(truth, scores, t)
                for rate in ("precision", "recall", "fpr", "f1"):
                    if there[rate] is not None:
                        assert row[f"{rate}_low"] - 1e-12 <= there[rate] <= row[f"{rate}_high"] + 1e-12, (name, rate)
            above = row["threshold"]


def cells(truth, scores, threshold):
    predicted = scores >= threshold
    tp, fp = int((truth & predicted).sum()), int((~truth & predicted).sum())
    p, n = int(truth.sum()), int((~truth).sum())
    return {
        "tp": tp,
        "fp": fp,
        "fn": p - tp,
        "tn": n - fp,
        "recall": tp / p,
        "fpr": fp / n,
        "precision": tp / (tp + fp) if tp + fp else None,
        "f1": 2 * tp / (tp + fp + p),
        "informedness": tp / p - fp / n,
    }


def test_threshold_table_leaves_no_more_open_than_it_must():
    """One open slot of a positive and a negative: F1 from 0 (the negative alone) to 1 (the positive alone)."""
    row = threshold_table(bins_of([(1, 1, False)])).to_pylist()[1]
    assert [row[x] for x in ("f1_low", "f1", "f1_high")] == pytest.approx([0.0, 2 / 3, 1.0])
    assert [row[x] for x in ("precision_low", "precision", "precision_high")] == [0.0, 0.5, 1.0]
    row = threshold_table(bins_of([(1, 1, True)])).to_pylist()[1]
    assert row["precision_low"] == row["precision_high"] == 0.5


def test_thresholds_of_one_kind_of_row_have_nulls():
    rows = threshold_table(bins_of([(0, 2, True)])).to_pylist()
    assert [row["recall"] for row in rows] == [None, None]
    assert [row["fpr"] for row in rows] == [0.0, 1.0]
    assert rows[0]["precision"] is None


@pytest.mark.parametrize(
    ("slots", "missing"), [([(0, 2, True)], "rows of the class"), ([(2, 0, True)], "rows outside the class")]
)
def test_no_curve_without_both_kinds(slots, missing):
    for table in (roc_table, pr_table):
        with pytest.raises(sa.InputError, match=missing):
            table(bins_of(slots))


def test_large_counts():
    scale, slots = 10**17, [(2, 1, False), (3, 2, True), (1, 3, False)]
    small, large = bins_of(slots), bins_of([(p * scale, n * scale, atom) for p, n, atom in slots])
    assert roc_table(large) == roc_table(small)
    assert threshold_table(large)["tp"].to_pylist() == [x * scale for x in threshold_table(small)["tp"].to_pylist()]
