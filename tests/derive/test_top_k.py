"""Top-k accuracy: expected over all ways to break ties, between all lost and all won."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

import streamavg as sa
from streamavg.derive.top_k import top_k_accuracy


def counted(truth, scores):
    """(greater, equal, count) of rows, by one loop."""
    keys = {}
    for y, row in zip(truth, scores, strict=True):
        key = (int((row > row[y]).sum()), int((row == row[y]).sum()) - 1)
        keys[key] = keys.get(key, 0) + 1
    return tuple(np.array(side) for side in zip(*((g, e, c) for (g, e), c in keys.items()), strict=True))


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_every_way_to_break_ties(k):
    rng = np.random.default_rng(k)
    truth, scores = rng.integers(0, 4, 12), rng.integers(0, 3, (12, 4))
    lost, won, expected = 0, 0, Fraction(0)
    for y, row in zip(truth.tolist(), scores.tolist(), strict=True):
        hits = [
            y in sorted(range(4), key=lambda c, row=row, order=order: (-row[c], order[c]))[:k]
            for order in permutations(range(4))
        ]
        lost, won, expected = lost + all(hits), won + any(hits), expected + Fraction(sum(hits), len(hits))
    found = top_k_accuracy(*counted(truth, scores), k)
    assert (found.low, found.high) == (lost / 12, won / 12)
    assert found.method == ("ties" if lost < won else "exact")
    assert found.estimate == pytest.approx(float(expected / 12), abs=1e-15)


def test_without_ties_it_is_that_of_scikit_learn():
    rng = np.random.default_rng(5)
    truth, scores = np.r_[np.arange(6), rng.integers(0, 6, 60)], rng.random((66, 6))
    for k in range(1, 6):
        found = top_k_accuracy(*counted(truth, scores), k)
        assert found.low == found.high == pytest.approx(top_k_accuracy_score(truth, scores, k=k), abs=1e-15)


def test_the_published_examples():
    """scikit-learn's 0.75; and 1.000, .333, expected .611 for three rows with ties, whose index order says .667."""
    truth = np.array([0, 1, 2, 2])
    scores = np.array([[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]])
    assert top_k_accuracy(*counted(truth, scores), 2).estimate == 0.75
    found = top_k_accuracy(*np.array([[0, 0, 1], [1, 1, 1], [1, 2, 1]]).T, 2)
    assert (round(found.low, 3), round(found.estimate, 3), round(found.high, 3)) == (0.333, 0.611, 1.0)


def test_rows_without_scores_count_as_wrong():
    assert top_k_accuracy(*np.array([[0, 0, 3]]).T, 1, rows=4).estimate == 0.75


def test_nothing_and_nonsense():
    empty = np.empty(0, np.int64)
    assert not top_k_accuracy(empty, empty, empty, 3).defined
    with pytest.raises(sa.InputError, match="top-k"):
        top_k_accuracy(empty, empty, empty, 0)


def test_counts_beyond_int64_in_sum():
    big = 2**62
    found = top_k_accuracy(np.array([0, 0, 5]), np.array([0, 1, 0]), np.array([big, big, 2 * big - 1]), 1)
    assert (found.low, found.estimate, found.high) == pytest.approx((0.25, 0.375, 0.5))
