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
from streamavg.report.difference import difference

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


def test_exact_areas_are_a_hint():
    """They change no comparison and no file, and a sum or difference that changes the rows does not claim them."""
    rng = np.random.default_rng(4)
    data = {"y_true": rng.random(500) < 0.4, "y_score": rng.random(500) / 4 + 0.3}
    exact, plain = (sa.evaluate(data, y_score="y_score", exact_auc=wanted) for wanted in (True, False))
    assert exact == plain
    assert exact.fingerprint() == plain.fingerprint()
    assert hash(exact) == hash(plain)
    assert exact.to_bytes() == plain.to_bytes()
    assert exact.state_bytes == plain.state_bytes
    bounds, method = plain.interval("roc_auc"), lambda snap: snap.interval("roc_auc").method
    assert (method(exact), method(plain)) == ("exact", "bins")
    assert bounds.low < exact["roc_auc"] < bounds.high
    for other in (exact + exact, exact + plain, plain + exact, exact + exact - exact, sa.from_bytes(exact.to_bytes())):
        assert method(other) == "bins"
    for same in (exact + sa.Snapshot(), sa.Snapshot() + exact, exact - sa.Snapshot(), sum([exact])):
        assert same.interval("roc_auc") == exact.interval("roc_auc")
    acc = sa.Accumulator(y_score="y_score")
    acc.merge(exact)
    assert method(acc.snapshot()) == "exact"
    acc.update({"y_true": [True], "y_score": [0.31]})
    assert method(acc.snapshot()) == "bins"


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


def test_what_owes_rows_and_adds_up_to_none_is_an_error_too():
    owing = sa.evaluate({"y_true": ["a", "b"], "y_pred": ["a", "a"], "op": ["-", "+"]}, op="op")
    assert (owing.rows, owing.seen) == (0, 0)
    for read in (lambda: owing["accuracy"], lambda: str(owing), lambda: difference(("x", "y"), (owing.state,) * 2)):
        with pytest.raises(sa.InputError, match=r"negative counts.*label 'a' has TP -1"):
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
