"""Exact values from slots and their inner order: scikit-learn's, and counted pair by pair in fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from streamavg.derive.exact import insides, mixed, ranked


def pairs_won(true, scores):
    """The share of (positive, negative) pairs in the right order, ties one half."""
    wins = Fraction(0)
    for s in scores[true]:
        for t in scores[~true]:
            wins += 1 if s > t else Fraction(1, 2) if s == t else 0
    return wins / (int(true.sum()) * int((~true).sum()))


def slotted(true, scores, slots):
    """(positive, negative) a slot, the atoms, and the distinct scores with their slots and counts."""
    size = int(slots.max()) + 1
    p, n = np.bincount(slots[true], minlength=size), np.bincount(slots[~true], minlength=size)
    distinct = np.unique(scores)
    of = np.array([slots[scores == value][0] for value in distinct])
    at = (np.array([((scores == value) & side).sum() for value in distinct]) for side in (true, ~true))
    atom = np.array([len(np.unique(scores[slots == slot])) <= 1 for slot in range(size)])
    return p, n, atom, (of, *at)


def exact(true, scores, slots):
    p, n, atom, (of, positive, negative) = slotted(true, scores, slots)
    wanted = mixed(p, n, atom)
    kept = wanted[of]
    above = np.cumsum(p[::-1])[::-1] - p, np.cumsum(n[::-1])[::-1] - n
    return ranked(p, n, insides(of[kept], positive[kept], negative[kept], above))


@given(st.data())
def test_any_slots_give_the_exact_values(data):
    rows = data.draw(st.integers(2, 40))
    scores = np.array(data.draw(st.lists(st.integers(0, 30), min_size=rows, max_size=rows))) / 32
    true = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    edges = np.array(sorted(data.draw(st.sets(st.integers(0, 31), max_size=6)))) / 32
    found = exact(true, scores, np.searchsorted(edges, scores, side="right"))
    if true.all() or not true.any():
        assert found.roc_auc is None
    else:
        assert found.roc_auc == pairs_won(true, scores)
    if true.any():
        assert found.average_precision == pytest.approx(sk.average_precision_score(true, scores), abs=1e-12)
    else:
        assert np.isnan(found.average_precision)


def test_scores_that_differ_in_the_last_bits():
    rng = np.random.default_rng(3)
    scores = 0.3 + rng.integers(0, 1000, 20_000) * 1e-11
    true = rng.random(20_000) < (scores - 0.3) * 1e8
    found = exact(true, scores, np.zeros(20_000, np.int64))
    assert float(found.roc_auc) == pytest.approx(sk.roc_auc_score(true, scores), abs=1e-12)
    assert found.average_precision == pytest.approx(sk.average_precision_score(true, scores), abs=1e-12)


def test_counts_beyond_int64_products():
    p, n = np.array([4_000_000_000, 1, 0]), np.array([3_000_000_000, 2_000_000_000, 5])
    inside = insides(np.array([0, 0]), np.array([4_000_000_000, 0]), np.array([0, 3_000_000_000]), (p * 0 + 1, n * 0))
    assert inside[0].wins == 0
    found = ranked(p, n, inside)
    wins = 2 * (1 * 3_000_000_000) + 1 * 2_000_000_000
    assert found.roc_auc == Fraction(wins, 2 * 4_000_000_001 * 5_000_000_005)
