"""The Snapshot: it never changes, it adds up, it travels, and it refuses counts that nothing can count to."""

from __future__ import annotations

import copy
import operator
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamavg as sa

MATRIX = [[8, 2], [1, 9]]


@pytest.fixture
def snap():
    return sa.from_confusion(["cat", "dog"], MATRIX)


def sets():
    acc = sa.Accumulator()
    acc.update({"y_true": pa.array([["a"], ["a", "b"]]), "y_pred": pa.array([["a"], None], pa.list_(pa.string()))})
    return acc.snapshot()


# ---- it never changes


def test_nothing_can_be_set_or_deleted(snap):
    for name in ("state", "rows", "matrix", "labels", "note"):
        with pytest.raises(AttributeError):
            setattr(snap, name, None)
        with pytest.raises(AttributeError):
            delattr(snap, name)
    assert snap.rows == 20


def test_arrays_are_read_only_and_dictionaries_are_copies():
    acc = sa.Accumulator()
    acc.update({"y_true": ["a", None, "a"], "y_pred": pa.array(["a", "a", None])})
    snap = acc.snapshot()
    before = snap.fingerprint()
    with pytest.raises(ValueError, match="read-only"):
        snap.matrix[0, 0] = 7
    with pytest.raises(ValueError, match="read-only"):
        snap.state.counts.cells[0, 0] = 7
    snap.skipped["null_true"] = snap.tallies["unanswered"] = 7
    snap.labels.clear()
    snap.metrics().clear()
    assert (snap.skipped, snap.tallies, snap.labels) == ({"null_true": 1}, {"unanswered": 1}, ["a"])
    assert sa.from_bytes(snap.to_bytes()).fingerprint() == before


def test_a_sum_leaves_its_terms_alone(snap):
    before = snap.to_bytes()
    _ = snap + snap - snap
    assert snap.to_bytes() == before
    assert snap.matrix.tolist() == [[8, 1, 2, 9], [9, 2, 1, 8]]


# ---- it adds up


def test_sums(snap):
    total = sum([snap, snap, sa.Snapshot()])
    assert total.rows == 40
    assert total.matrix.tolist() == [[16, 2, 4, 18], [18, 4, 2, 16]]
    assert total.confusion().to_pydict()["count"] == [18, 16, 4, 2]
    assert total - snap == snap
    assert snap - snap == sa.Snapshot()
    for wrong in (1, None, "snap", [snap]):
        with pytest.raises(TypeError):
            snap + wrong
        with pytest.raises(TypeError):
            wrong - snap


def test_equality_is_about_what_was_counted(snap):
    again = sa.from_confusion(["dog", "cat"], [[9, 1], [2, 8]])
    assert again == snap
    assert hash(again) == hash(snap)
    assert len({again, snap}) == 1
    assert again.labels != snap.labels  # the order of labels is not counted
    assert snap != sa.from_confusion(["cat", "dog"], [[8, 2], [2, 8]])
    assert snap != sa.from_confusion(["cat", "dog"], MATRIX, pos_label="dog")
    assert snap != "snap"
    assert snap.fingerprint().startswith("sa1:")
    assert len(snap.fingerprint()) == 4 + 64


def test_from_confusion_is_from_counts_is_the_rows(snap):
    acc = sa.Accumulator()
    acc.update_pairs(["cat", "cat", "dog", "dog"], ["cat", "dog", "cat", "dog"], [8, 2, 1, 9])
    assert acc.snapshot() == snap
    assert sa.from_counts(["cat", "dog"], [8, 9], [1, 2], [2, 1], rows=20, task="multiclass") == snap


def test_seen_is_rows_and_skipped():
    acc = sa.Accumulator(labels=["a"], unknown="count", null_pred="abstain")
    acc.update({"y_true": ["a", None, "z", "a"], "y_pred": pa.array(["a", "a", "a", None])})
    snap = acc.snapshot()
    assert snap.rows == 1
    assert snap.skipped == {"null_pred": 1, "null_true": 1, "unknown_true": 1}
    assert snap.seen == 4


def test_state_bytes_do_not_depend_on_rows(snap):
    assert sum([snap] * 1000).state_bytes == snap.state_bytes > 0


# ---- it travels


@pytest.mark.parametrize("make", [lambda: sa.from_confusion(["cat", "dog"], MATRIX), sets, sa.Snapshot])
def test_pickles_and_copies(make):
    snap = make()
    for copied in (*(pickle.loads(pickle.dumps(snap, p)) for p in range(6)), copy.copy(snap), copy.deepcopy(snap)):
        assert copied == snap
        assert copied.labels == snap.labels
        assert repr(copied.metrics()) == repr(snap.metrics())


def test_process_pools(snap):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert pool.submit(operator.add, snap, snap).result() == snap + snap


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


# ---- what is owed


@settings(deadline=None)
@given(*[st.lists(st.integers(0, 9), min_size=4, max_size=4)] * 2)
def test_negative_states_add_but_cannot_be_read(one, two):
    """A - B may be negative: it saves, loads and becomes A again with B; nothing is read from it meanwhile."""
    a, b = (sa.from_confusion(["x", "y"], np.array(cells).reshape(2, 2)) for cells in (one, two))
    owing = sa.from_bytes((a - b).to_bytes())
    assert owing + b == a
    negative = [label for label, cells in zip(owing.labels, owing.matrix.tolist(), strict=True) if min(cells[:3]) < 0]
    if negative:
        for read in (lambda: owing["f1_macro"], owing.metrics, owing.table, owing.to_json, lambda: owing.explain("f1")):
            with pytest.raises(sa.InputError, match=f"negative counts.*label '{negative[0]}'"):
                read()


# ---- words


def test_unknown_names_come_with_suggestions(snap):
    with pytest.raises(sa.InputError, match="no metric 'f1_marco'; did you mean f1_macro"):
        snap["f1_marco"]
    with pytest.raises(sa.InputError, match="streamavg metrics"):
        snap["zzzzzz"]


def test_plain_f1_of_several_classes_names_the_way_out(snap):
    with pytest.raises(sa.InputError, match=r"f1_micro, f1_macro, f1_weighted.*pos_label"):
        snap["f1"]


def test_str_and_repr(snap):
    assert str(snap).startswith("20 rows scored, 2 labels, multiclass\n")
    assert str(sa.Snapshot()) == "nothing counted yet"
    assert repr(snap) == "<Snapshot multiclass, 2 labels, 20 rows>"
    assert repr(sa.Snapshot()) == "<Snapshot undecided, 0 labels, 0 rows>"


def test_report_takes_policy_metrics_and_what_to_explain(snap):
    shown = snap.report(zero_division=1.0, over="supported", metrics=["f1_macro"], explain_metric="recall")
    assert (shown.explanation.metric, shown.policy.over, list(shown.metrics)) == ("recall", "supported", ["f1_macro"])
