"""One-vs-one: scikit-learn's value of the same scores is inside, and is the value where slots are single scores."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from streamavg.derive.auc import roc_auc
from streamavg.derive.bins import Bins
from streamavg.derive.interval import UNDEFINED
from streamavg.derive.one_vs_one import one_vs_one, pair_areas


def table_of(truth, scores, edges):
    """[true, column, slot] counts, by one loop; and which slots hold one distinct score of a column."""
    classes, slots = scores.shape[1], len(edges) - 1
    slot = np.searchsorted(edges, scores, side="right") - 1
    versus, atom = np.zeros((classes, classes, slots), np.int64), np.zeros((classes, slots), bool)
    for row, label in enumerate(truth):
        for column in range(classes):
            versus[label, column, slot[row, column]] += 1
    for column in range(classes):
        for k in range(slots):
            atom[column, k] = len(set(scores[slot[:, column] == k, column].tolist())) <= 1
    return versus, atom


def softmax_data(rng, rows, classes):
    truth = np.r_[np.arange(classes), rng.integers(0, classes, rows - classes)]
    raw = rng.standard_normal((rows, classes)) + 1.5 * (truth[:, None] == np.arange(classes))
    scores = np.exp(raw).round(int(rng.integers(1, 4)))
    scores += scores.sum(axis=1, keepdims=True) == 0
    return truth, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(8))
def test_the_value_of_scikit_learn_is_inside(seed):
    rng = np.random.default_rng(seed)
    truth, scores = softmax_data(rng, int(rng.integers(20, 120)), int(rng.integers(3, 6)))
    value = roc_auc_score(truth, scores, multi_class="ovo", average="macro")
    found = one_vs_one(*table_of(truth, scores, np.linspace(0, 1.001, 12)))
    assert found.low <= value <= found.high
    assert found.low < found.estimate < found.high
    versus, atom = table_of(truth, scores, np.r_[np.unique(scores), 2])
    assert atom.all()
    found = one_vs_one(versus, atom)
    assert found.low == found.high == pytest.approx(value, abs=1e-12)


def test_pairs_are_areas_of_two_classes():
    rng = np.random.default_rng(9)
    versus, atom = rng.integers(0, 20, (4, 4, 9)), rng.random((4, 9)) < 0.3
    sides, place = pair_areas(versus, atom), np.arange(9.0)
    for i in range(4):
        assert np.isnan(sides[1][i, i])
        for j in {0, 1, 2, 3} - {i}:
            one = roc_auc(Bins.of(versus[i, i], versus[j, i], atom[i], place, place + 0.5))
            assert [side[i, j] for side in sides] == pytest.approx([one.low, one.estimate, one.high], abs=1e-15)


def test_atoms_of_all_columns_at_once():
    rng = np.random.default_rng(9)
    versus, atom = rng.integers(0, 20, (3, 3, 6)), np.array([True, False] * 3)
    assert one_vs_one(versus, atom) == one_vs_one(versus, np.stack([atom] * 3))


def test_classes_without_rows_leave():
    rng = np.random.default_rng(2)
    versus = rng.integers(1, 9, (4, 4, 5))
    kept = [0, 1, 3]
    smaller = one_vs_one(versus[np.ix_(kept, kept)], np.zeros(5, bool))
    versus[2] = 0
    assert one_vs_one(versus, np.zeros(5, bool)) == smaller
    versus[1:] = 0
    assert one_vs_one(versus, np.zeros(5, bool)) is UNDEFINED


def test_any_number_of_rows():
    rng = np.random.default_rng(6)
    versus, atom = rng.integers(0, 9, (3, 3, 5)), rng.random((3, 5)) < 0.5
    small, large = one_vs_one(versus, atom), one_vs_one(versus * 10**17, atom)
    assert (large.low, large.estimate, large.high) == pytest.approx((small.low, small.estimate, small.high), abs=1e-15)
