"""Accumulator: what may be passed to it, what it decides, and what it says when it cannot."""

from __future__ import annotations

import signal
import threading

import duckdb
import nanoarrow
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import streamavg as sa
from streamavg import accumulator
from streamavg.count import inputs
from streamavg.position import Position, Source, Span
from tests import naive
from tests.strategies import Capsule, as_reader

MOST = 2**63 - 1
ROWS = [("cat", "cat"), ("dog", "cat"), ("cat", None), (None, "dog")]
TRUE, PRED = ([row[k] for row in ROWS] for k in (0, 1))
EXPECTED = naive.count_rows(ROWS)


def counted(data, **options):
    acc = sa.Accumulator(**options)
    acc.update(data)
    return acc.snapshot()


def covered(snapshot):
    return naive.unpacked(snapshot).covered


# ---- what counts as data

TABLE = pa.table({"y_true": TRUE, "y_pred": PRED})


class ArrayCapsule:
    """An object that only speaks the Arrow C array interface."""

    def __init__(self, batch):
        self._batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self._batch.__arrow_c_array__(requested_schema)


class Tensor:
    """An array of another library, known by numpy's array protocol."""

    def __init__(self, values):
        self._values = np.array(values)

    def __array__(self, dtype=None, copy=None):
        return self._values


DATA = {
    "table": TABLE,
    "batch": TABLE.to_batches()[0],
    "reader": None,
    "array capsule": ArrayCapsule(TABLE.to_batches()[0]),
    "stream capsule": Capsule(TABLE),
    "lists": {"y_true": TRUE, "y_pred": PRED},
    "tuples": {"y_true": tuple(TRUE), "y_pred": tuple(PRED)},
    "arrow columns": {"y_true": TABLE["y_true"], "y_pred": pa.array(PRED)},
    "series": {"y_true": pl.Series(TRUE), "y_pred": pl.Series(PRED)},
    "nanoarrow columns": {name: nanoarrow.Array(TABLE[name].chunk(0)) for name in TABLE.column_names},
    "nanoarrow": nanoarrow.ArrayStream(TABLE),
    "objects": {"y_true": np.array(TRUE, object), "y_pred": np.array(PRED, object)},
    "pandas": pd.DataFrame({"y_true": TRUE, "y_pred": PRED}),
    "pandas columns": dict(pd.DataFrame({"y_true": TRUE, "y_pred": PRED}, dtype="category")),
    "polars": pl.DataFrame({"y_true": TRUE, "y_pred": PRED}),
    "polars categories": pl.DataFrame({"y_true": TRUE, "y_pred": PRED}).cast(pl.Categorical),
    "more columns": TABLE.append_column("id", pa.array(range(4))).select(["id", "y_pred", "y_true"]),
}


@pytest.mark.parametrize("form", DATA)
def test_every_form_of_data_counts_the_same(form):
    data = as_reader(TABLE) if form == "reader" else DATA[form]
    assert covered(counted(data)) == EXPECTED.covered


def test_a_duckdb_result_counts():
    values = "('cat', 'cat'), ('dog', 'cat'), ('cat', NULL), (NULL, 'dog')"
    relation = duckdb.sql(f"SELECT * FROM (VALUES {values}) AS t(y_true, y_pred)")
    assert covered(counted(relation)) == EXPECTED.covered


def test_numbers_from_numpy_and_its_likes():
    expected = naive.count_rows([("0", "0"), ("1", "0")])
    for kind in (np.int8, np.uint64, np.float32, bool):
        data = {"y_true": np.array([0, 1], kind), "y_pred": Tensor(np.array([0, 0], kind))}
        assert covered(counted(data, task="multiclass")) == expected.covered
    nan = {"y_true": np.array([0, np.nan]), "y_pred": np.array([np.nan, 0])}
    assert covered(counted(nan)) == naive.count_rows([("0", None), (None, "0")]).covered


def test_a_matrix_is_rows_of_indicators():
    true, pred = np.array([[1, 0], [1, 1]]), np.array([[True, False], [False, True]])
    expected = naive.count_rows([(["0"], ["0"]), (["0", "1"], ["1"])], "multilabel")
    for order in "CF":
        data = {"y_true": np.array(true, order=order), "y_pred": np.array(pred, order=order)}
        assert covered(counted(data)) == expected.covered


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"y_true": [1, 2], "y_pred": [1]}, ["differ in length", "y_true has 2", "y_pred has 1"]),
        ({"y_true": [1, "a"], "y_pred": [1, 1]}, ["'y_true'", "one type"]),
        ({"y_true": np.zeros((2, 2, 2)), "y_pred": [1, 1]}, ["y_true"]),
        ({"y_true": 7, "y_pred": 7}, ["y_true"]),
        (7, ["int"]),
        ("preds.parquet", ["str"]),
        ([1, 2], ["list"]),
        (None, ["NoneType"]),
    ],
    ids=str,
)
def test_what_is_no_data(data, words):
    acc = sa.Accumulator()
    for change in (acc.update, acc.retract):
        with pytest.raises(sa.InputError) as error:
            change(data)
        assert all(word in str(error.value) for word in words)
    assert acc.snapshot() == sa.Snapshot()


# ---- columns


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"y_true": "label"}, ["'label'", "y_true, y_pred, labels", "did you mean 'labels'?", "--y-true"]),
        ({"y_pred": "prediction"}, ["'prediction'", "y_true, y_pred, labels", "--y-pred"]),
        ({"y_true": "true_*"}, ["true_*", "y_true, y_pred, labels"]),
        ({"y_true": ["y_true", "nothing"]}, ["'nothing'"]),
    ],
    ids=str,
)
def test_a_column_that_is_not_there(options, words):
    table = pa.table({"y_true": [1], "y_pred": [1], "labels": [1]})
    with pytest.raises(sa.InputError) as error:
        counted(table, **options)
    assert all(word in str(error.value) for word in words)


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["y_true", "y_true", "y_pred"], {}),
        (["y_true", "y_pred", "y_pred"], {}),
        (["true_a", "true_a", "pred_a"], {"y_true": "true_*", "y_pred": "pred_*"}),
        (["a", "b", "a"], {"y_true": ["a", "b"], "y_pred": ["a", "b"]}),
    ],
)
def test_a_column_name_that_is_there_twice(names, options):
    table = pa.table([pa.array([True])] * 3, names=names)
    with pytest.raises(sa.InputError, match="2 columns named"):
        counted(table, **options)
    other = pa.table([pa.array([1])] * 4, names=["y_true", "y_pred", "x", "x"])
    assert counted(other).rows == 1


# ---- the task


@pytest.mark.parametrize(
    ("true", "task"),
    [
        (pa.array([True, False]), "binary"),
        (pa.array([0, 1]), "multiclass"),
        (pa.array([0.0, 1.0]), "multiclass"),
        (pa.array(["0", "1"]), "multiclass"),
        (pa.array([["0"], ["1"]]), "multilabel"),
        (pa.array([[True], [False]], pa.list_(pa.bool_(), 1)), "multilabel"),
    ],
    ids=lambda given: str(getattr(given, "type", given)),
)
def test_types_decide_the_task(true, task):
    assert counted({"y_true": true, "y_pred": true}).state.config.task == task
    assert counted({"y_true": [0, 1], "y_pred": [1, 1]}, pos_label=1).state.config.task == "binary"


NOTHING = [
    pa.nulls(3),
    pa.array([None] * 3, pa.string()),
    pa.array([None] * 3, pa.bool_()),
    pa.array([None] * 3, pa.list_(pa.string())),
    pa.array([float("nan")] * 3),
    pa.DictionaryArray.from_arrays(pa.array([0, None, 1], pa.int8()), pa.array([None, None], pa.string())),
    pa.DictionaryArray.from_arrays(pa.array([0, 0, 0], pa.int8()), pa.array([float("nan"), 1.0])),
    pa.RunEndEncodedArray.from_arrays(pa.array([1, 3], pa.int32()), pa.array([None, None], pa.int8())),
    pa.RunEndEncodedArray.from_arrays(pa.array([2, 5], pa.int32()), pa.array(["a", None])).slice(2),
]


@pytest.mark.parametrize("nothing", NOTHING, ids=lambda array: str(array.type))
@pytest.mark.parametrize("later", [[True], ["a"], [["a"]]], ids=str)
def test_truth_without_a_value_decides_nothing(nothing, later):
    acc = sa.Accumulator()
    acc.update({"y_true": nothing, "y_pred": pa.nulls(3)})
    undecided = acc.snapshot()
    assert (undecided.rows, undecided.skipped, undecided.state.config.task) == (0, {"null_true": 3}, None)
    acc.retract({"y_true": nothing, "y_pred": pa.nulls(3)})
    assert acc.snapshot() == sa.Snapshot()
    acc.update(as_reader(pa.table({"y_true": nothing, "y_pred": pa.nulls(3)})))
    acc.update({"y_true": later, "y_pred": later})
    assert acc.snapshot() == undecided + counted({"y_true": later, "y_pred": later})


def test_an_empty_batch_decides_nothing():
    acc = sa.Accumulator()
    for kind in (pa.string(), pa.bool_(), pa.list_(pa.int8())):
        empty = pa.array([], kind)
        acc.update({"y_true": empty, "y_pred": empty})
        acc.update(as_reader(pa.table({"y_true": empty, "y_pred": empty})))
    acc.update({"y_true": [True], "y_pred": [True]})
    assert acc.snapshot().state.config.task == "binary"


def test_a_failed_first_batch_decides_nothing():
    bad = {"y_true": [["a"]], "y_pred": [[0.5]]}
    acc = sa.Accumulator()
    for change in (acc.update, acc.retract, lambda data: acc.update(as_reader(pa.table(data)))):
        with pytest.raises(sa.InputError):
            change(bad)
    with pytest.raises(sa.InputError):
        acc.update_pairs([["a"]], [["a"]], [1])
    acc.update({"y_true": ["a"], "y_pred": ["a"]})
    assert acc.snapshot().state.config.task == "multiclass"


def test_later_batches_are_read_in_the_task_of_the_first():
    acc = sa.Accumulator()
    acc.update({"y_true": [True, False], "y_pred": [True, True]})
    acc.update(as_reader(pa.table({"y_true": [1, 0], "y_pred": ["0", "0"]})))
    acc.update({"y_true": ["1", "0"], "y_pred": [1.0, 0.0]})
    rows = [("1", "1"), ("0", "1"), ("1", "0"), ("0", "0"), ("1", "1"), ("0", "0")]
    assert covered(acc.snapshot()) == naive.count_rows(rows, "binary").covered
    with pytest.raises(sa.InputError, match=r"task is binary.*set of labels"):
        acc.update({"y_true": [["1"]], "y_pred": [["1"]]})
    sets = sa.Accumulator()
    sets.update({"y_true": [["1"]], "y_pred": [["1"]]})
    with pytest.raises(sa.InputError, match=r"task is multilabel.*one label a row"):
        sets.update({"y_true": ["1"], "y_pred": ["1"]})


def test_binary_labels():
    data = {"y_true": ["yes", "no"], "y_pred": ["yes", "yes"]}
    with pytest.raises(sa.InputError, match="pos_label"):
        counted(data, task="binary")
    assert counted(data, pos_label="yes")["recall"] == 1.0
    assert counted(data, pos_label="no")["recall"] == 0.0
    for unknown, labels in (("grow", None), ("count", ["no", "yes"]), ("error", ["no", "yes"])):
        acc = sa.Accumulator(pos_label="yes", unknown=unknown, labels=labels)
        acc.update(data)
        for bad in (["yes", "maybe"], ["no", "no"]), (["no", "no"], ["yes", "maybe"]):
            with pytest.raises(sa.InputError):
                acc.update({"y_true": bad[0], "y_pred": bad[1]})
        assert acc.snapshot() == counted(data, pos_label="yes", unknown=unknown, labels=labels)
    with pytest.raises(sa.InputError, match="two labels"):
        counted({"y_true": ["yes", "no", "maybe"], "y_pred": ["yes"] * 3}, pos_label="yes")


# ---- options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": "multi"}, ["task", "'multi'", "multiclass"]),
        ({"unknown": "ignore", "labels": ["a"]}, ["unknown", "'ignore'", "grow"]),
        ({"null_pred": "skip"}, ["null_pred", "'skip'", "abstain"]),
        ({"confusion": "yes"}, ["confusion", "'yes'"]),
        ({"labels": "cat"}, ["labels", "'cat'"]),
        ({"labels": [1, "1"]}, ["twice"]),
        ({"labels": [0.5]}, ["0.5"]),
        ({"labels": [None]}, ["label"]),
        ({"unknown": "count"}, ["labels"]),
        ({"unknown": "error"}, ["labels"]),
        ({"pos_label": 1, "task": "multiclass"}, ["pos_label", "multiclass"]),
        ({"y_true": []}, ["empty"]),
    ],
    ids=str,
)
def test_options_that_cannot_be(options, words):
    with pytest.raises(sa.InputError) as error:
        counted({"y_true": ["a"], "y_pred": ["a"]}, **options)
    assert all(word in str(error.value) for word in words)


def test_declared_labels_are_shown_first_and_may_be_of_any_type():
    snapshot = counted({"y_true": [3, 1], "y_pred": [1, 1]}, labels=[2, 1.0, True - 1, "7"])
    assert snapshot.labels == [2, 1, 0, 7, 3]
    assert snapshot.matrix[:, 0].tolist() == [0, 1, 0, 0, 0]


def test_max_labels():
    data = {"y_true": ["a", "b", "c"], "y_pred": ["a", "a", "a"]}
    assert counted(data, max_labels=3).rows == 3
    for give in (lambda table: table, as_reader):
        acc = sa.Accumulator(max_labels=3)
        acc.update(data)
        before = acc.snapshot()
        with pytest.raises(sa.InputError, match="max_labels"):
            acc.update(give(pa.table({"y_true": ["a", "d"], "y_pred": ["a", "a"]})))
        assert acc.snapshot() == before
        with pytest.raises(sa.InputError, match="max_labels"):
            acc.merge(counted({"y_true": ["e"], "y_pred": ["e"]}))
        assert acc.snapshot() == before


def test_a_reset_forgets_all():
    acc = sa.Accumulator()
    acc.update({"y_true": [["a"]], "y_pred": [["a"]]})
    acc.reset()
    assert acc.snapshot() == sa.Snapshot()
    acc.update(TABLE)
    assert covered(acc.snapshot()) == EXPECTED.covered


# ---- pairs, merge, overflow


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([1, -1], ["-1", "retract"]),
        ([1.0, 2.0], ["integers", "double"]),
        ([1, None], ["1 nulls"]),
        (["1", "2"], ["integers", "string"]),
        ([1], ["length"]),
    ],
    ids=str,
)
def test_pairs_with_bad_counts(counts, words):
    acc = sa.Accumulator()
    with pytest.raises(sa.InputError) as error:
        acc.update_pairs(["a", "b"], ["a", "a"], counts)
    assert all(word in str(error.value) for word in words)
    assert acc.snapshot() == sa.Snapshot()


def test_pairs_obey_the_policies():
    acc = sa.Accumulator(labels=["a"], unknown="error", null_pred="error")
    for pair in (("b", "a"), ("a", "b"), ("a", None)):
        with pytest.raises(sa.InputError, match="'error'"):
            acc.update_pairs(["a", pair[0]], ["a", pair[1]], [1, 5])
        acc.update_pairs([pair[0]], [pair[1]], [0])  # stands for no row
    assert acc.snapshot() == sa.Snapshot()
    acc.update_pairs([None, "a"], ["b", "a"], [2, 3])
    assert (acc.snapshot().rows, acc.snapshot().skipped) == (3, {"null_true": 2})
    with pytest.raises(sa.InputError, match="two labels"):
        sa.Accumulator(pos_label="1").update_pairs(["0", "1", "2"], ["0"] * 3, [1, 1, 1])


def test_pairs_in_chunks_of_different_dictionaries():
    """GROUP BY results come in chunks; Arrow cannot always make one dictionary of theirs, nor check their codes."""

    def coded(codes, names):
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(names), safe=False)

    names = [str(k) for k in range(200)]
    for first, second in (
        (coded([0, 1], ["a", None]), coded([0, 2], ["b", None, None])),
        (coded([0, 99], names[:100]), coded([0, 99], names[100:])),
        (coded([0, 1], ["a", "a"]), coded([1, 0], ["b", "a"])),
    ):
        column = pa.chunked_array([first, second])
        acc = sa.Accumulator()
        acc.update_pairs(column, column, [1, 2, 3, 4])
        rows = [label for label, n in zip(column.to_pylist(), [1, 2, 3, 4], strict=True) for _ in range(n)]
        assert covered(acc.snapshot()) == naive.count_rows(list(zip(rows, rows, strict=True))).covered
    for code in (1, 112, -1):
        forged = pa.chunked_array([coded([0, 1], ["a", "b"]), coded([0, code], ["c"])])
        acc = sa.Accumulator()
        for sides in ((forged, pa.array(["a"] * 4)), (pa.array(["a"] * 4), forged)):
            with pytest.raises(sa.InputError, match="outside its 1 values"):
                acc.update_pairs(*sides, [1] * 4)
        assert acc.snapshot() == sa.Snapshot()


def test_counts_up_to_the_last_number_of_int64():
    acc = sa.Accumulator()
    acc.update_pairs(["a", "b"], ["a", "a"], [MOST - 10, 5])
    acc.update({"y_true": ["a"] * 5, "y_pred": ["b"] * 5})
    snapshot = acc.snapshot()
    assert snapshot.rows == MOST
    assert snapshot.matrix.tolist() == [[MOST - 10, 5, 5, 0], [0, 5, 5, MOST - 10]]
    one = {"y_true": ["a"], "y_pred": ["a"]}
    for change in (
        lambda: acc.update(one),
        lambda: acc.update(as_reader(pa.table(one))),
        lambda: acc.update({"y_true": pa.nulls(1), "y_pred": ["a"]}),
        lambda: acc.update_pairs(["c"], ["c"], [1]),
        lambda: acc.update_pairs(["c"], ["c"], pa.array([2**64 - 1], pa.uint64())),
        lambda: acc.merge(counted(one)),
        lambda: acc.merge(snapshot),
        lambda: snapshot + counted(one),
    ):
        with pytest.raises(sa.CountOverflowError):
            change()
        assert acc.snapshot() == snapshot
    with pytest.raises(sa.InputError):  # takes its good chunk back, for which there is room
        acc.retract({"y_true": pa.chunked_array([[1.0], [0.5]]), "y_pred": pa.chunked_array([[1.0], [1.0]])})
    assert acc.snapshot() == snapshot
    acc.retract(one)
    assert acc.snapshot().rows == MOST - 1
    acc.update(one)
    assert acc.snapshot() == snapshot


def test_the_row_after_the_last_is_refused_at_once():
    """Also while all the rows before it are still in the counter."""
    acc = sa.Accumulator()
    acc.update_pairs(["a"], ["a"], [MOST])
    for change in (lambda: acc.update(YES), lambda: acc.update_pairs(["a"], ["a"], [1])):
        with pytest.raises(sa.CountOverflowError):
            change()
        assert acc.snapshot().rows == MOST
    acc.retract({"y_true": ["a"], "y_pred": ["a"]})
    acc.update(YES)
    assert acc.snapshot().rows == MOST


def test_a_merge_of_other_options_is_refused():
    acc = sa.Accumulator(null_pred="abstain")
    acc.update(TABLE)
    before = acc.snapshot()
    for other in (
        counted(TABLE),
        counted({"y_true": [["a"]], "y_pred": [["a"]]}, null_pred="abstain"),
        counted(TABLE, null_pred="abstain", labels=["cat"], unknown="count"),
        counted({"y_true": pa.nulls(1), "y_pred": pa.nulls(1)}),
    ):
        with pytest.raises(sa.MismatchError):
            acc.merge(other)
        assert acc.snapshot() == before
    acc.merge(sa.Snapshot())
    assert acc.snapshot() == before


SETS, YES = {"y_true": [["a"]], "y_pred": [["a"]]}, {"y_true": ["1"], "y_pred": ["1"]}


@pytest.mark.parametrize(
    ("options", "others", "data"),
    [
        ({"null_pred": "abstain"}, {}, YES),
        ({"task": "binary"}, {"pos_label": "0"}, YES),
        ({"pos_label": "0"}, {"pos_label": "1"}, YES),
        ({"task": "multiclass"}, {"task": "binary"}, YES),
        ({"samples": False}, {}, SETS),
        ({}, {"samples": False}, SETS),
        ({}, {"pos_label": "0"}, YES),
    ],
    ids=str,
)
def test_an_accumulator_without_rows_keeps_its_own_options(options, others, data):
    """Else it would take a state that its own later updates can never be added to."""
    acc = sa.Accumulator(**options)
    with pytest.raises(sa.MismatchError):
        acc.merge(counted(data, **others))
    acc.update(data)
    assert acc.snapshot() == counted(data, **options)


def test_a_merge_takes_accumulators_and_decides_the_task():
    first, second = sa.Accumulator(), sa.Accumulator()
    second.update(SETS)
    first.merge(second)
    first.update(SETS)
    first.merge(first)
    assert first.snapshot() == counted({"y_true": [["a"]] * 4, "y_pred": [["a"]] * 4})
    assert second.snapshot().rows == 1


# ---- errors in the middle


def test_rows_are_numbered_in_the_data_that_was_given(monkeypatch):
    for module in (inputs, accumulator):
        monkeypatch.setattr(module, "SLICE", 3, raising=False)
    values = pa.chunked_array([[1.0, 2.0], [1.0] * 7, [0.5]])
    good = pa.array([1.0] * 10)
    for give in (lambda table: table, as_reader, Capsule):
        for names in (("y_true", "y_pred"), ("y_pred", "y_true")):
            with pytest.raises(sa.InputError, match=rf"'{names[0]}'.* 0\.5 at row 9"):
                counted(give(pa.table({names[0]: values, names[1]: good})))
    assert counted(pa.table({"y_true": good, "y_pred": good})).rows == 10


def test_a_table_fails_as_a_whole(monkeypatch):
    """Slices counted before the bad one are taken back, and more than one bad row is one error."""
    monkeypatch.setattr(inputs, "SLICE", 2)
    monkeypatch.setattr(accumulator, "SLICE", 2, raising=False)
    for task in ("binary", "multiclass"):
        acc = sa.Accumulator(task=task)
        acc.update({"y_true": [0, 1], "y_pred": [1, 1]})
        before = acc.snapshot()
        for bad in ([0, 1, 0, 1, 0.5, 0.25], [0, 1, 0, float("inf"), 1e300, 1]):
            for give in (lambda table: table, as_reader):
                with pytest.raises(sa.InputError):
                    acc.update(give(pa.table({"y_true": pa.array(bad, pa.float64()), "y_pred": bad})))
                assert acc.snapshot() == before
        acc.update({"y_true": [0, 1, 1, 0, 0], "y_pred": [1, 1, 1, 0, 0]})
        assert acc.snapshot().rows == 7
    with pytest.raises(sa.InputError):
        counted({"y_true": [0, 1, 0, 1, 2], "y_pred": [0] * 5}, task="binary")


def test_a_reader_that_breaks_leaves_nothing():
    acc = sa.Accumulator()
    acc.update(TABLE)
    before = acc.snapshot()

    def broken():
        yield from TABLE.to_batches()
        raise ConnectionError("gone")

    with pytest.raises(OSError, match="gone"):
        acc.update(pa.RecordBatchReader.from_batches(TABLE.schema, broken()))
    assert acc.snapshot() == before


def test_a_retract_of_rows_never_counted_is_remembered():
    acc = sa.Accumulator()
    acc.retract(TABLE)
    assert acc.snapshot().rows == -3
    with pytest.raises(sa.InputError):
        acc.snapshot()["accuracy"]
    acc.update(TABLE)
    assert acc.snapshot() == sa.Snapshot()


# ---- threads


def test_eight_threads_count_exactly():
    tables = [pa.table({"y_true": [k % 5, k % 3, 1000 * k], "y_pred": [k % 5, 0, 1]}) for k in range(8)]
    acc, failed = sa.Accumulator(), []

    def work(table):
        try:
            for k in range(40):
                acc.update(as_reader(table) if k % 10 == 3 else table)
                if k % 10 == 7:
                    acc.retract(table)
                    acc.update_pairs(table["y_true"], table["y_pred"], [1, 1, 1])
                    assert acc.snapshot().rows % 3 == 0
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(table,)) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert acc.snapshot() == counted(pa.concat_tables(tables * 40))


def test_accumulators_merge_into_each_other_from_two_threads():
    """Neither waits for the other's lock while it holds its own."""
    a, b = sa.Accumulator(), sa.Accumulator()
    a.update(TABLE)
    b.update(TABLE)

    def work(first, second):
        for _ in range(20):
            first.merge(second.snapshot() - second.snapshot())
            first.merge(second) if first.snapshot().rows < 1000 else None

    threads = [threading.Thread(target=work, args=pair, daemon=True) for pair in ((a, b), (b, a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def test_g1_eight_threads_of_a_thousand_batches_each():
    acc = sa.Accumulator()
    batches = [pa.record_batch({"y_true": [k, k + 1, 0], "y_pred": [k, 0, None]}) for k in range(8)]

    def work(batch):
        for _ in range(1000):
            acc.update(batch)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [row for k in range(8) for row in ((k, k), (k + 1, 0), (0, None))]
    assert covered(acc.snapshot()) == covered(counted(pa.Table.from_batches(batches * 1000)))
    assert acc.snapshot().rows == 1000 * len(rows)


def test_g2_a_snapshot_is_always_at_a_batch_boundary():
    """A batch has 7 rows, of which 2 are right: whole batches keep the ratio, half ones would not."""
    batch = pa.record_batch({"y_true": list("aabbccd"), "y_pred": list("abbcadx")})
    acc, done = sa.Accumulator(), threading.Event()

    def work():
        for _ in range(500):
            acc.update(batch)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    seen = 0
    while seen < 7000:
        snap = acc.snapshot()
        assert snap.rows % 7 == 0
        assert snap.matrix[:, 0].sum() * 7 == snap.rows * 2
        assert snap.rows >= seen
        snap.state.check_identities()
        seen = snap.rows
    done.set()
    for thread in threads:
        thread.join()


BATCHES = {
    "numbers": [
        pa.record_batch({"y_true": [k, 1, 2, 3, 10 * k, 5, None], "y_pred": [1, 1, 1, 4, 5, None, 7]})
        for k in range(90)
    ],
    "words": [pa.record_batch({"y_true": ["a", str(k), "c"] * 3, "y_pred": ["a", "b", None] * 3}) for k in range(90)],
    "many": [pa.record_batch({"y_true": [900 * k, 1, 2], "y_pred": [k, 1, 7000]}) for k in range(90)],
    "sets": [
        pa.record_batch({"y_true": [["a"], [str(k), "c"], []], "y_pred": [["a", "b"], None, ["c"]]}) for k in range(90)
    ],
}


class StormError(Exception):
    """Raised by a signal handler."""


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("form", ["update", "retract", "pairs", "snapshot"])
def test_g5_a_storm_of_signals_leaves_whole_batches(kind, form):
    """A handler that raises is called at any moment; what was counted is a number of whole batches nevertheless."""
    if form == "pairs" and kind == "sets":
        pytest.skip("pairs hold one label a row")
    batches, acc, sign = BATCHES[kind], sa.Accumulator(), -1 if form == "retract" else 1
    singles = [counted(batch) for batch in batches]
    known, storm = sa.Snapshot(), 0

    def handler(number, frame):
        raise StormError

    def step(batch):
        if form == "retract":
            acc.retract(batch)
        elif form == "pairs":
            acc.update_pairs(batch["y_true"], batch["y_pred"], [1] * len(batch))
        else:
            acc.update(batch)
            if form == "snapshot":
                acc.snapshot()

    before = signal.signal(signal.SIGALRM, handler)
    delay = 20e-6
    try:
        for batch, single in zip(batches * 3, singles * 3, strict=True):
            delay = 20e-6 if delay > 1e-3 else delay * 1.07  # now before, now amid, now after the work
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                step(batch)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except StormError:
                storm += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            whole = known + single if sign > 0 else known - single
            found = acc.snapshot()
            assert found in (known, whole)
            known = found
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert storm > 10


def test_positions_are_added_and_what_both_hold_is_refused():
    source = Source("a.parquet", "parquet", 100, "0" * 32)
    first, rest, again = sa.Accumulator(), sa.Accumulator(), sa.Accumulator()
    for acc, start, stop in ((first, 0, 5), (rest, 5, 9), (again, 4, 6)):
        acc.update(TABLE)
        acc._position = Position.of([(source, [Span(0, start, stop - start, (0, stop))], "")])
    first.merge(rest)
    assert first._position.files[source].ranges == ((0, 0, 0, 9),)
    kept = first.snapshot()
    with pytest.raises(sa.MismatchError, match="rows of this file are counted on both sides"):
        first.merge(again)
    assert first.snapshot() == kept == counted(TABLE) + counted(TABLE)
    other = sa.Accumulator(null_pred="abstain")
    other.update(TABLE)
    other._position = Position.of([(source, [Span(1, 0, 5, (1, 5))], "")])
    with pytest.raises(sa.MismatchError, match="null_pred"):
        first.merge(other)
    assert first._position.files[source].ranges == ((0, 0, 0, 9),)
    first.merge(again.snapshot())  # a snapshot has no position
    first.reset()
    assert first._position == Position()
