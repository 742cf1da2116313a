"""The counter of label sets: sets in every list type, indicators, both mixed, and the row table."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.count import sets
from streamavg.errors import InputError
from tests import naive, strategies

TEXTS = pa.list_(pa.string())


def counted(true, pred, **options):
    acc = sa.Accumulator(**options)
    acc.update({"y_true": true, "y_pred": pred})
    return acc.snapshot()


def assert_counted(snapshot, rows, **options):
    assert naive.unpacked(snapshot).covered == naive.count_rows(rows, task="multilabel", **options).covered


def test_duplicates_count_once_and_the_empty_set_is_a_set():
    rows = [(["a", "a", "b"], ["b", "b", "b"]), ([], []), ([], ["a"]), (["c", "c"], [])]
    snapshot = counted(*(pa.array([row[k] for row in rows], TEXTS) for k in (0, 1)))
    assert_counted(snapshot, rows)
    assert snapshot.labels == ["a", "b", "c"]
    assert snapshot.matrix.tolist() == [[0, 1, 1, 2], [1, 0, 0, 3], [0, 0, 1, 3]]
    assert naive.unpacked(snapshot).row_table == {(1, 1, 2): 1, (0, 0, 0): 1, (0, 1, 0): 1, (0, 0, 1): 1}


@given(strategies.rows_of(["a", "b", "7"], "multilabel"), st.data())
def test_every_list_type(rows, data):
    sides = [[row[k] for row in rows] for k in (0, 1)]
    arrays = [data.draw(strategies.set_forms(side)).encode(side, data.draw(strategies.rngs)) for side in sides]
    assert_counted(counted(*arrays, task="multilabel"), rows)


VIEWS = [(pa.ListViewArray, pa.int32()), (pa.LargeListViewArray, pa.int64())]


@pytest.mark.parametrize(("kind", "wide"), VIEWS, ids=["list_view", "large_list_view"])
def test_views_in_any_order_and_overlapping(kind, wide):
    """Rows of a list view may lie anywhere in the values: out of order, one inside another, or leave some out."""
    values = pa.array(["a", "b", "c", "never"])
    array = kind.from_arrays(pa.array([1, 0, 0, 2], wide), pa.array([2, 1, 3, 0], wide), values)
    rows = [["b", "c"], ["a"], ["a", "b", "c"], []]
    assert array.to_pylist() == rows
    truth = pa.array([["a"]] * 4, TEXTS)
    assert_counted(counted(truth, array), list(zip([["a"]] * 4, rows, strict=True)))
    assert_counted(counted(array.slice(1), truth.slice(1)), list(zip(rows[1:], [["a"]] * 3, strict=True)))


def test_what_lies_under_a_null_list_is_not_looked_at():
    """Neither a fraction nor bytes that are no text; the row is null all the same."""
    for values in (pa.array([1.0, 0.5]), pa.array([b"1", b"\xff"])):
        hidden = pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), values, mask=pa.array([False, True]))
        truth = pa.array([["1"], ["1"]], TEXTS)
        assert_counted(counted(truth, hidden), [(["1"], ["1"]), (["1"], None)])
        assert_counted(counted(hidden, truth), [(["1"], ["1"]), (None, ["1"])])


@given(strategies.rows_of(["a", "b", "c"], "multilabel"), st.sampled_from(["wrong", "abstain"]), st.data())
def test_an_unknown_label_in_a_set(rows, null_pred, data):
    arrays = [pa.array([row[k] for row in rows], TEXTS) for k in (0, 1)]
    labels = data.draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, unique=True))
    options = {"labels": labels, "unknown": "count", "null_pred": null_pred}
    snapshot = counted(*arrays, task="multilabel", **options)
    assert_counted(snapshot, rows, **options)
    assert set(snapshot.labels) == set(labels)


def test_distinct_unknown_predictions_count_one_each():
    snapshot = counted([["a"]] * 2, [["x", "y", "x", "a"], ["x"]], labels=["a"], unknown="count")
    assert snapshot.tallies == {"other": 3}
    assert naive.unpacked(snapshot).row_table == {(1, 3, 1): 1, (0, 1, 1): 1}


def test_unknown_labels_leave_no_memory_behind():
    acc = sa.Accumulator(labels=["a"], unknown="count")
    for k in range(50):
        acc.update({"y_true": [["a"], [f"new {k}"]], "y_pred": [[f"new {k}", f"other {k}"], ["a"]]})
        with pytest.raises(InputError):
            acc.update({"y_true": pa.array([["a", f"new {k}"]]), "y_pred": [[0.5]]})
    acc.update({"y_true": [["a"]], "y_pred": [["a"]]})
    assert acc.snapshot().tallies == {"other": 100}
    assert acc._tally._counter.labels.vocabulary.labels == ["a"]


@pytest.mark.parametrize(
    ("options", "bad"),
    [
        ({"unknown": "error"}, {"y_true": [["a"]], "y_pred": [["a", "new"]]}),
        ({"unknown": "count", "null_pred": "error"}, {"y_true": [["a"], ["new"]], "y_pred": [None, ["new"]]}),
    ],
    ids=str,
)
def test_refused_sets_leave_no_label_behind(options, bad):
    acc = sa.Accumulator(labels=["a"], **options)
    acc.update({"y_true": [["a"]], "y_pred": [["a"]]})
    before = acc.snapshot()
    with pytest.raises(InputError, match="'error'"):
        acc.update(bad)
    assert acc._tally._counter.labels.vocabulary.labels == ["a"]
    assert acc.snapshot() == before


def test_indicators_against_sets_of_names():
    columns = {"true_cat": [True, False, None], "true_dog": [1, 1, 0], "y_pred": [["cat"], [], ["dog"]]}
    acc = sa.Accumulator(y_true="true_*")
    acc.update(columns)
    assert_counted(acc.snapshot(), [(["cat", "dog"], ["cat"]), (["dog"], []), (None, ["dog"])])


@pytest.mark.parametrize("labels", [["cat", "dog"], ["dog", "cat"]])
def test_declared_labels_do_not_rename_columns(labels):
    """labels gives the order; the column true_cat is "cat" whatever stands first."""
    acc = sa.Accumulator(y_true="true_*", labels=labels)
    acc.update({"true_cat": [True], "true_dog": [False], "y_pred": [["cat"]]})
    assert acc.snapshot().labels == labels
    assert naive.unpacked(acc.snapshot()).labels == {"cat"}


def test_columns_pair_up_by_name_not_by_place():
    acc = sa.Accumulator(y_true="true_*", y_pred="pred_*", labels=["dog", "cat"])
    acc.update({"pred_dog": [True], "true_cat": [True], "pred_cat": [True], "true_dog": [False]})
    assert_counted(acc.snapshot(), [(["cat"], ["cat", "dog"])])
    assert acc.snapshot().labels == ["dog", "cat"]


def test_indicators_without_names_are_numbered():
    kind = pa.list_(pa.bool_(), 3)
    snapshot = counted(pa.array([[True, False, True]], kind), pa.array([[True, True, False]], kind))
    assert_counted(snapshot, [(["0", "2"], ["0", "1"])])
    assert snapshot.labels == [0, 1, 2]


@pytest.mark.parametrize("first", [None, [["a"]], [[True]]], ids=["first", "after sets", "after indicators"])
@pytest.mark.parametrize("nulls", ["y_true", "y_pred", "both"])
def test_a_side_without_any_value(first, nulls):
    """A column of Arrow's null type, as a batch of nothing but missing values has."""
    kind = pa.list_(pa.bool_(), 1) if first == [[True]] else TEXTS
    row = first or [["a"]]
    acc = sa.Accumulator(task="multilabel", labels=["a"])
    if first:
        acc.update({"y_true": pa.array(first, kind), "y_pred": pa.array(first, kind)})
    acc.update({name: pa.nulls(1) if nulls in (name, "both") else pa.array(row, kind) for name in ("y_true", "y_pred")})
    rows = [(["a"], ["a"])] if first else []
    rows.append((None if nulls != "y_pred" else ["a"], None if nulls != "y_true" else ["a"]))
    assert_counted(acc.snapshot(), rows)


@pytest.mark.parametrize("column", [["a"], [1], [True], [0.5]], ids=str)
@pytest.mark.parametrize("labels", [None, ["a", "b"]])
def test_one_label_a_row_is_no_set(column, labels):
    acc = sa.Accumulator(labels=labels)
    with pytest.raises(InputError, match="y_pred"):
        acc.update({"y_true": [["a"]], "y_pred": column})
    assert acc.snapshot() == sa.Snapshot()


def test_indicator_lists_of_another_width():
    acc = sa.Accumulator()
    wide, narrow = (pa.array([[True] * size], pa.list_(pa.bool_(), size)) for size in (3, 2))
    acc.update({"y_true": wide, "y_pred": wide})
    before = acc.snapshot()
    for true, pred in ((narrow, narrow), (wide, narrow)):
        with pytest.raises(InputError, match="indicator"):
            acc.update({"y_true": true, "y_pred": pred})
    assert acc.snapshot() == before


def test_too_many_labels_leave_nothing():
    acc = sa.Accumulator(max_labels=2)
    acc.update({"y_true": [["a"]], "y_pred": [["b"]]})
    before = acc.snapshot()
    with pytest.raises(InputError, match="max_labels is 2"):
        acc.update({"y_true": [["a"]], "y_pred": [["b", "c"]]})
    assert acc.snapshot() == before


def test_more_labels_in_a_row_than_the_row_table_can_hold(monkeypatch):
    monkeypatch.setattr(sets, "MOST_IN_A_ROW", 3)
    assert counted([["a", "b", "c"]], [["a"]]).rows == 1
    with pytest.raises(InputError, match="a row has 4 labels"):
        counted([["a"]], [["a", "b", "c", "a"]])


@pytest.mark.parametrize("rows", [1, 64, 65, 1000])
@pytest.mark.parametrize("samples", [True, False])
def test_bits_count_as_the_sets_they_stand_for(rows, samples):
    rng = np.random.default_rng(rows)
    true, pred = rng.random((2, rows, 70)) < 0.1
    names = [str(k) for k in range(70)]
    fixed = pa.list_(pa.bool_(), 70)
    bits = counted(*(pa.array(list(side), fixed) for side in (true, pred)), samples=samples)
    listed = [[np.flatnonzero(row).astype(str).tolist() for row in side] for side in (true, pred)]
    assert_counted(bits, list(zip(*listed, strict=True)), samples=samples)
    assert bits == counted(*(pa.array(side, TEXTS) for side in listed), samples=samples)
    assert bits.labels == list(map(int, names))


def test_large_sets():
    """Sizes beyond the small table that rows are binned in."""
    names = [str(k) for k in range(500)]
    rows = [(names, names[:400]), (names[:1], []), (names[:300], names[200:])]
    assert_counted(counted(*(pa.array([row[k] for row in rows], TEXTS) for k in (0, 1))), rows)
