"""Metrics of weights: scikit-learn's sample_weight to 1e-12, the rows themselves for whole weights, any scale."""

import math
import warnings
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

import streamavg as sa

RATIOS = {
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
    "f1": metrics.f1_score,
    "jaccard": metrics.jaccard_score,
}
WHOLE = {
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "cohen_kappa": metrics.cohen_kappa_score,
    "matthews_corrcoef": metrics.matthews_corrcoef,
    "hamming_loss": metrics.hamming_loss,
    "zero_one_loss": metrics.zero_one_loss,
}
seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
MAKERS = (
    lambda rng, n: rng.random(n) + 1e-3,
    lambda rng, n: np.r_[1.0, rng.integers(0, 3, n - 1)],
    lambda rng, n: rng.random(n) * 10.0 ** rng.integers(-9, 9, n),
)


CANCELLING = ("cohen_kappa", "matthews_corrcoef")


def exactly(name, true, pred, weights):
    """Kappa and the multiclass correlation by their definition, in fractions."""
    held = [Fraction(weight) for weight in weights.tolist()]

    def total(where):
        return sum((weight for weight, kept in zip(held, where.tolist(), strict=True) if kept), Fraction())

    n, correct = sum(held), total(true == pred)
    sizes = [(total(true == k), total(pred == k)) for k in np.unique(np.r_[true, pred])]
    both = sum(s * p for s, p in sizes)
    if name == "cohen_kappa":
        return float((correct * n - both) / (n * n - both)) if n * n != both else math.nan
    square = (n * n - sum(p * p for _, p in sizes)) * (n * n - sum(s * s for s, _ in sizes))
    if not square:
        return 0.0
    ratio = (correct * n - both) ** 2 / square
    return math.copysign(math.sqrt(ratio), correct * n - both)


def counted(weights, **columns):
    options = {"task": "multilabel"} if np.ndim(columns["y_true"]) == 2 else {}
    acc = sa.Accumulator(sample_weight="w", **options)
    acc.update({**columns, "w": weights})
    return acc.snapshot()


def close(ours, theirs):
    return (math.isnan(ours) and math.isnan(theirs)) or abs(ours - theirs) <= 1e-12


@given(seeds, st.integers(1, 40), st.integers(1, 5), st.sampled_from(MAKERS))
@pytest.mark.filterwarnings("ignore")
def test_one_label_equals_sklearn(rng, rows, classes, make):
    true, pred, weights = rng.integers(0, classes, rows), rng.integers(0, classes, rows), make(rng, rows)
    snap = counted(weights, y_true=true, y_pred=pred)
    for name, oracle in WHOLE.items():
        # of weights that differ by 1e18 scikit-learn has 7 digits of these: -0.99999976 where no row is right
        theirs = exactly(name, true, pred, weights) if name in CANCELLING else oracle(true, pred, sample_weight=weights)
        assert close(snap[name], theirs), name
        if make is not MAKERS[2]:
            assert close(snap[name], oracle(true, pred, sample_weight=weights)), name
    for name, oracle in RATIOS.items():
        for average in ("micro", "macro", "weighted"):
            theirs = oracle(true, pred, average=average, sample_weight=weights, zero_division=0.0)
            assert close(snap.value(name, average), theirs), (name, average)
    table = metrics.multilabel_confusion_matrix(true, pred, sample_weight=weights)
    theirs = np.stack((table[:, 1, 1], table[:, 0, 1], table[:, 1, 0], table[:, 0, 0]), axis=1)
    assert np.abs(snap.weighted - theirs).max() <= 1e-12 * weights.sum()
    assert close(
        snap.value("prevalence", labels=[true[0]], average="micro"), weights[true == true[0]].sum() / weights.sum()
    )


@given(seeds, st.integers(1, 20), st.integers(2, 5), st.sampled_from(MAKERS), st.booleans())
@pytest.mark.filterwarnings("ignore")
def test_multilabel_equals_sklearn(rng, rows, labels, make, as_sets):
    true, pred = ((rng.random((rows, labels)) < 0.5).astype(np.int8) for _ in range(2))
    weights = make(rng, rows)
    sides = (true, pred)
    options = {"labels": [str(k) for k in range(labels)], "task": "multilabel", "sample_weight": "w"}
    if as_sets:
        sides = [
            pa.array([[str(k) for k in np.flatnonzero(row)] for row in side], pa.list_(pa.string())) for side in sides
        ]
    acc = sa.Accumulator(**options)
    acc.update({"y_true": sides[0], "y_pred": sides[1], "w": weights})
    snap = acc.snapshot()
    for name, oracle in RATIOS.items():
        for average in ("micro", "macro", "weighted", "samples"):
            theirs = oracle(true, pred, average=average, sample_weight=weights, zero_division=0.0)
            assert close(snap.value(name, average, over="declared"), theirs), (name, average)
    assert close(snap["subset_accuracy"], metrics.accuracy_score(true, pred, sample_weight=weights))
    assert close(snap["hamming_loss"], metrics.hamming_loss(true, pred, sample_weight=weights))


@given(seeds, st.integers(1, 12), st.integers(1, 3), st.booleans())
def test_whole_weights_are_so_many_rows(rng, rows, classes, sets):
    shape = (rows, classes) if sets else rows
    true, pred = (rng.integers(0, 2 if sets else classes + 1, shape) for _ in range(2))
    weights = rng.integers(1, 4, rows)
    options = {"task": "multilabel"} if sets else {}
    plain = sa.Accumulator(**options)
    plain.update({"y_true": np.repeat(true, weights, axis=0), "y_pred": np.repeat(pred, weights, axis=0)})
    weighted, repeated = counted(weights, y_true=true, y_pred=pred), plain.snapshot()
    assert weighted.weighted.tolist() == repeated.matrix.tolist()
    ours, theirs = weighted.metrics(), repeated.metrics()
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert close(ours[name], value), name
    explained = (snap.explain("f1")["contribution"].to_numpy() for snap in (weighted, repeated))
    assert np.allclose(*map(np.sort, explained), atol=1e-12)


@given(seeds, st.sampled_from([-1000, -500, 0, 500, 1000]))
def test_no_scale_of_weights_changes_a_metric(rng, exponent):
    true, pred, weights = rng.integers(0, 3, 30), rng.integers(0, 3, 30), rng.integers(1, 2**40, 30).astype(float)
    one, two = (counted(w, y_true=true, y_pred=pred) for w in (weights, np.ldexp(weights, exponent - 40)))
    for name, value in one.metrics().items():
        assert close(value, two.metrics()[name]), name


def test_rows_are_read_where_weights_are_left_aside():
    rows = {"y_true": [0, 1, 1], "y_pred": [0, 0, 1]}
    snap, plain = counted([5.0, 0.5, 0.0], **rows), sa.Accumulator()
    plain.update(rows)
    with warnings.catch_warnings():
        assert snap.metrics(weighted=False) == plain.snapshot().metrics()
    assert snap.table(weighted=False) == plain.snapshot().table()
    assert snap.table()["weighted_tp"].to_pylist() == [5.0, 0.0]
    assert snap.table()["tp"].to_pylist() == [1, 1]
    assert snap.to_dict()["weight"] == 5.5
    assert "sample weights 5.5 in all" in str(snap)
    assert "weight" not in snap.to_dict(weighted=False)
    assert "sample weights are left aside" in snap.to_markdown(weighted=False)


def test_a_weight_below_zero_is_not_read():
    rows = {"y_true": [0], "y_pred": [0]}
    owed = counted([1.0], **rows) - counted([3.0], **rows)
    assert owed.rows == 0
    with pytest.raises(sa.InputError, match=r"TP weight below zero|weight of rows is below zero"):
        owed["accuracy"]
    assert owed + counted([3.0], **rows) == counted([1.0], **rows)
    assert sa.from_bytes(owed.to_bytes()) == owed
