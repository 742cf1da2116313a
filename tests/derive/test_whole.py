"""Metrics of the whole table against scikit-learn, and in exact arithmetic up to 1e18 rows a cell."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.derive.whole import NOT_BY_LABEL
from tests.oracles import ORACLES, WHOLE

ONE_LABEL = [name for name in WHOLE if name != "coverage"]
SETS = ["accuracy", "zero_one_loss", "subset_accuracy", "hamming_loss", "balanced_accuracy", "f1_of_macro", "coverage"]


def close(ours, theirs):
    return (math.isnan(ours) and math.isnan(theirs)) or abs(ours - theirs) <= 1e-12


def counted(y_true, y_pred, **options):
    acc = sa.Accumulator(**options)
    acc.update({"y_true": y_true, "y_pred": y_pred})
    return acc.snapshot()


ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abde")), min_size=1, max_size=25)


@settings(deadline=None)
@given(ROWS, st.sampled_from([0.0, 1.0, math.nan]))
@example([("a", "a"), ("a", "a")], 0.0)  # one class: kappa is nan, the correlation 0
@example([("a", "b"), ("b", "a")], 0.0)
def test_one_label_equals_sklearn(rows, zero_division):
    y_true, y_pred = map(list, zip(*rows, strict=True))
    snap = counted(y_true, y_pred)
    for name in ONE_LABEL:
        ours, theirs = snap.value(name, zero_division=zero_division), ORACLES[name](y_true, y_pred, None, zero_division)
        assert close(ours, theirs), (name, ours, theirs)


@settings(deadline=None)
@given(st.integers(1, 10), st.integers(2, 5), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, math.nan]))
def test_multilabel_equals_sklearn(rows, columns, seed, zero_division):
    rng = np.random.default_rng(seed)
    both = [(rng.random((rows, columns)) < rng.choice([0, 0.2, 0.8], columns)).astype(int) for _ in range(2)]
    snap = counted(*both)
    for name in SETS:
        ours = snap.value(name, zero_division=zero_division, over="declared")
        assert close(ours, ORACLES[name](*both, None, zero_division)), name


ANSWERS = st.sampled_from(["a", "b", "c", None, "elsewhere"])


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), ANSWERS), min_size=1, max_size=25))
def test_no_answer_and_other_are_answers_that_are_never_true(rows):
    """scikit-learn on the same rows, where a null and an unknown answer are two more predicted categories."""
    y_true, y_pred = map(list, zip(*rows, strict=True))
    snap = counted(y_true, pa.array(y_pred, pa.string()), labels=["a", "b", "c"], unknown="count")
    spelled = ["no answer" if answer is None else answer for answer in y_pred]
    for name in ("accuracy", "matthews_corrcoef", "cohen_kappa", "zero_one_loss", "balanced_accuracy"):
        assert close(snap[name], ORACLES[name](y_true, spelled)), name
    for name in ("precision", "recall", "f1", "specificity", "npv", "mcc", "markedness"):
        for average in ("micro", "macro", "weighted"):
            ours = snap.value(name, average, labels=["a", "b", "c"])
            assert close(ours, ORACLES[name](y_true, spelled, average, labels=["a", "b", "c"])), (name, average)
    assert close(snap["coverage"], ORACLES["coverage"](y_true, y_pred))


def test_coverage_counts_abstained_rows():
    rows = ["a", "a", "b", None], pa.array(["a", None, None, "a"])
    assert counted(*rows, null_pred="abstain")["coverage"] == 1 / 3
    assert counted(*rows)["coverage"] == 1 / 3
    assert counted(["a"], pa.array([None], pa.string()), null_pred="abstain")["coverage"] == 0.0


# ---- any size


def exact_correlation(matrix):
    """The multiclass correlation in integers, correct to 30 digits."""
    n, c = sum(map(sum, matrix)), sum(row[k] for k, row in enumerate(matrix))
    s, p = [sum(row) for row in matrix], [sum(column) for column in zip(*matrix, strict=True)]
    top = c * n - sum(a * b for a, b in zip(s, p, strict=True))
    square = (n * n - sum(x * x for x in p)) * (n * n - sum(x * x for x in s))
    kappa_below = n * n - sum(a * b for a, b in zip(s, p, strict=True))
    kappa = float(Fraction(top, kappa_below)) if kappa_below else math.nan
    return (float(Fraction(top * 10**30, math.isqrt(square * 10**60))) if square else 0.0), kappa


@settings(deadline=None)
@given(st.integers(2, 4), st.data(), st.sampled_from([9, 2**31, 2**32, 2**53, 5 * 10**17]))
def test_correlation_and_kappa_are_right_at_any_size(size, data, most):
    matrix = data.draw(
        st.lists(st.lists(st.integers(0, most), min_size=size, max_size=size), min_size=size, max_size=size)
    )
    snap = sa.from_confusion(range(size), matrix)
    correlation, kappa = exact_correlation(matrix)
    assert snap["matthews_corrcoef"] == pytest.approx(correlation, rel=1e-14, abs=1e-300)
    assert snap["cohen_kappa"] == pytest.approx(kappa, rel=1e-14, nan_ok=True)


def test_correlation_beyond_the_square_root_of_int64():
    """n**2 passes 2**63 at 3.04e9 rows; int64 products give nan or -0.29 here."""
    snap = sa.from_confusion(["a", "b"], [[3 * 10**9, 10**9], [10**9, 3 * 10**9]])
    assert snap["matthews_corrcoef"] == 0.5
    assert snap["cohen_kappa"] == 0.5


@pytest.mark.parametrize("rows", [2**31 - 1, 2**31, 2**31 + 1, 2**32 + 3])
def test_both_arithmetics_agree_where_they_meet(rows):
    """Products of counts are int64 below 2**31 rows and Python ints from there."""
    third = rows // 3
    matrix = [[third, third // 7], [third // 5, rows - third - third // 7 - third // 5]]
    snap = sa.from_confusion([0, 1], matrix)
    assert (snap["matthews_corrcoef"], snap["cohen_kappa"]) == pytest.approx(exact_correlation(matrix), rel=1e-15)


@settings(deadline=None)
@given(st.lists(st.integers(1, 10**18), min_size=2, max_size=8))
def test_a_perfect_table_correlates_to_one(right):
    assert sa.from_confusion(range(len(right)), np.diag(right))["matthews_corrcoef"] == 1.0


# ---- meaning at the edges


@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
def test_f1_of_macro_of_nothing_right_is_zero(zero_division):
    """Macro precision 0 and macro recall 0 are values, not 0/0: two times nothing right is no perfect score."""
    snap = sa.from_confusion(["a", "b"], [[0, 3], [2, 0]])
    assert snap.value("f1_macro", zero_division=zero_division) == 0.0
    assert snap.value("f1_of_macro", zero_division=zero_division) == 0.0


def test_no_rows_have_no_accuracy():
    snap = sa.from_confusion(["a"], [[0]])
    for name in ("accuracy", "zero_one_loss", "balanced_accuracy", "cohen_kappa", "coverage"):
        assert math.isnan(snap[name]), name
    assert snap["matthews_corrcoef"] == 0.0


@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
def test_balanced_accuracy_of_labels_is_recall_over_them(zero_division):
    """With labels= the mean is exactly those labels, one without rows included, and 0/0 is what the policy says."""
    snap = sa.from_confusion(["a", "b"], [[1, 3], [0, 0]])
    assert snap.value("balanced_accuracy", zero_division=zero_division) == 0.25
    policy = {"zero_division": zero_division, "labels": ["a", "b"]}
    assert snap.value("balanced_accuracy", **policy) == snap.value("recall_macro", **policy)


def test_whole_rows_cannot_be_restricted_to_labels():
    single, sets = sa.from_confusion(["a"], [[2]]), counted(*[pa.array([["a"], ["b"]])] * 2)
    for name in NOT_BY_LABEL:
        with pytest.raises(sa.InputError, match=f"{name}.*labels"):
            single.value(name, labels=["a"])
    with pytest.raises(sa.InputError, match="multilabel"):
        single.value("hamming_loss", labels=["a"])
    assert sets.value("hamming_loss", labels=["a"]) == 0.0


@pytest.mark.parametrize("name", ["cohen_kappa", "matthews_corrcoef"])
def test_agreement_needs_one_label_a_row(name):
    with pytest.raises(sa.InputError, match="mcc_macro"):
        sa.from_counts(["a"], [1], [0], [0], rows=1).value(name)


@pytest.mark.parametrize("name", ["accuracy", "zero_one_loss", "subset_accuracy"])
def test_exact_rows_need_the_row_table(name):
    with pytest.raises(sa.InputError, match="samples=False"):
        sa.from_counts(["a"], [1], [0], [0], rows=1).value(name)
