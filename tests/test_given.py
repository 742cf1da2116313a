"""Snapshots of counts made elsewhere: equal to the rows they stand for, or refused where nothing can count to them."""

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa

MATRIX = [[8, 2], [1, 9]]


@pytest.fixture
def snap():
    return sa.from_confusion(["cat", "dog"], MATRIX)


def test_from_confusion_is_from_counts_is_the_rows(snap):
    acc = sa.Accumulator()
    acc.update_pairs(["cat", "cat", "dog", "dog"], ["cat", "dog", "cat", "dog"], [8, 2, 1, 9])
    assert acc.snapshot() == snap
    assert sa.from_counts(["cat", "dog"], [8, 9], [1, 2], [2, 1], rows=20, task="multiclass") == snap


# ---- counts of any origin


@pytest.mark.parametrize(
    ("labels", "matrix", "words"),
    [
        (["a"], [[1, 2]], "1 x 1 counts"),
        (["a", "b"], [1, 2], "2 x 2 counts"),
        (["a"], [[-1]], ">= 0"),
        (["a"], [[1.0]], "counts"),
        (["a"], [["1"]], "counts"),
        (["a"], [[True]], "counts"),
        (["a"], [[2**63]], "counts|2\\*\\*63|int64"),
        (["a"], np.array([[2**64 - 1]], np.uint64), "counts|2\\*\\*63|int64"),
        (["a", "a"], np.zeros((2, 2), int), "twice"),
        ([1, "1"], np.zeros((2, 2), int), "twice"),
        ([0.5], [[1]], "whole number"),
        ([None], [[1]], "NoneType"),
        (["\ud800"], [[1]], "surrogate"),
    ],
)
def test_matrices_that_cannot_be(labels, matrix, words):
    with pytest.raises((sa.InputError, sa.CountOverflowError), match=words):
        sa.from_confusion(labels, matrix)


def test_a_matrix_that_adds_up_beyond_int64():
    with pytest.raises(sa.CountOverflowError, match="outside int64"):
        sa.from_confusion(["a", "b"], [[2**62, 2**62], [0, 0]])
    assert sa.from_confusion(["a", "b"], [[2**62, 2**62 - 1], [0, 0]]).rows == 2**63 - 1


def test_binary_takes_two_labels():
    with pytest.raises(sa.InputError, match="two labels, here are 3"):
        sa.from_confusion(range(3), np.eye(3, dtype=int), pos_label=1)
    with pytest.raises(sa.InputError, match="two labels, here are 3"):
        sa.from_confusion(["no", "yes"], MATRIX, pos_label="Yes")
    assert sa.from_confusion(["no", "yes"], MATRIX, pos_label="no")["recall"] == 0.8


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"tp": [1, 2]}, "1 labels"),
        ({"tp": [-1]}, "'a'.*>= 0"),
        ({"tp": [11]}, "'a'.*at most 10"),
        ({"tp": [1.5]}, "integer|whole"),
        ({"rows": 10.5}, "integer|whole"),
        ({"rows": -1, "tp": [0]}, "rows|at most"),
        ({"rows": 2**63, "tp": [1]}, "int64"),
        ({"rows": 2**70, "tp": [2**65]}, "int64"),
        ({"labels": ["a", "a"], "tp": [1, 1], "fp": [0, 0], "fn": [0, 0]}, "twice"),
        ({"task": "binary"}, "from_confusion"),
        ({"task": "regression"}, "task is 'regression'"),
        ({"task": None}, "task is None"),
        ({"task": "multiclass", "rows": 9}, "sum TP \\+ sum FN is 5"),
        ({"task": "multiclass", "rows": 5, "fn": [2], "fp": [0]}, "unanswered"),
    ],
)
def test_counts_that_cannot_be(counts, words):
    given_counts = {"labels": ["a"], "tp": [3], "fp": [2], "fn": [2], "rows": 10} | counts
    with pytest.raises((sa.InputError, sa.CountOverflowError), match=words):
        sa.from_counts(**given_counts)


def test_counts_of_numpy_and_of_generators():
    given_counts = [np.array([2, 1, 1], np.uint8), np.array([8, 5, 3], np.int32), pa.array([0, 0, 0]).to_numpy()]
    snap = sa.from_counts(np.array([1, 2, 3]), *given_counts, rows=np.int64(20))
    assert snap["precision_micro"] == 0.2
    assert snap.labels == [1, 2, 3]
    assert type(snap.rows) is int


def test_declared_labels_keep_their_order_and_their_zeros():
    snap = sa.from_confusion(["z", "a", "m"], np.diag([1, 0, 2]))
    assert snap.labels == ["z", "a", "m"]
    assert snap.matrix.tolist() == [[1, 0, 0, 2], [0, 0, 0, 3], [2, 0, 0, 1]]
