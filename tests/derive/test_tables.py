"""The class table and the confusion table against sums over rows."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.derive.catalogue import METRICS
from tests.oracles import ORACLES, WHOLE

HEAD = ["label", "tp", "fp", "fn", "tn", "support", "predicted"]
BY_CLASS = [name for name in METRICS if name in ORACLES and name not in WHOLE]


def counted(y_true, y_pred, **options):
    acc = sa.Accumulator(**options)
    acc.update({"y_true": y_true, "y_pred": y_pred})
    return acc.snapshot()


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("bcd")), min_size=1, max_size=20)


@settings(deadline=None)
@given(ROWS)
def test_class_table_is_sklearn_one_label_at_a_time(rows):
    y_true, y_pred = map(list, zip(*rows, strict=True))
    table = counted(y_true, y_pred).table()
    assert table.column_names == HEAD + BY_CLASS
    for row in table.to_pylist():
        hits = Counter((true == row["label"], pred == row["label"]) for true, pred in rows)
        cells = hits[True, True], hits[False, True], hits[True, False], hits[False, False]
        assert tuple(row[name] for name in ("tp", "fp", "fn", "tn")) == cells
        assert (row["support"], row["predicted"]) == (cells[0] + cells[2], cells[0] + cells[1])
        for name in ("precision", "recall", "f1", "jaccard", "specificity", "mcc", "markedness"):
            assert row[name] == pytest.approx(ORACLES[name](y_true, y_pred, "macro", labels=[row["label"]]), abs=1e-12)


def test_types_and_undefined_values():
    snap = sa.from_counts([5, 7], [1, 0], [0, 0], [0, 2], rows=3)
    table = snap.table(zero_division=math.nan)
    kinds = [pa.int64()] * len(HEAD) + [pa.float64()] * len(BY_CLASS)
    assert table.schema.types == kinds
    assert table["precision"].to_pylist() == [1.0, None]
    assert snap.table()["precision"].to_pylist() == [1.0, 0.0]
    assert snap.table(zero_division=1.0)["precision"].to_pylist() == [1.0, 1.0]
    assert table["mcc"].null_count == 0  # undefined correlations are 0, as in scikit-learn


def test_table_of_chosen_labels():
    snap = sa.from_confusion(["a", "b"], [[3, 1], [0, 2]])
    table = snap.table(labels=["b", "never"])
    assert table.select(HEAD).to_pylist() == [
        dict(zip(HEAD, ("b", 2, 1, 0, 3, 2, 3), strict=True)),
        dict(zip(HEAD, ("never", 0, 0, 0, 6, 0, 0), strict=True)),
    ]


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ([1, 2], pa.int64()),
        ([1, "x"], pa.string()),
        (["007", "7"], pa.string()),
        (["-9223372036854775808", "9223372036854775807"], pa.int64()),
        (["1", "9223372036854775808"], pa.string()),
        (["nan", "null"], pa.string()),
    ],
)
def test_type_of_labels(labels, kind):
    snap = sa.from_confusion(labels, [[1, 2], [3, 4]])
    assert snap.table()["label"].type == kind
    assert snap.confusion()["y_true"].type == kind
    assert [str(label) for label in snap.table()["label"].to_pylist()] == list(map(str, labels))


def test_a_part_of_the_labels_has_the_type_of_all():
    """Declared 1, 2 and x are text, and stay text in a table in which x has no row or was not asked for."""
    snap = counted(["1", "2"], ["1", "1"], labels=["1", "2", "x"])
    assert snap.labels == ["1", "2", "x"]
    assert snap.table(labels=["1"])["label"].type == pa.string()
    assert snap.confusion()["y_true"].type == snap.confusion()["y_pred"].type == pa.string()


def test_no_classes():
    table = sa.Snapshot().table()
    assert table.num_rows == 0
    assert table.column_names == HEAD + BY_CLASS


ANSWERS = st.sampled_from(["b", "c", "d", None])


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), ANSWERS), min_size=1, max_size=30))
def test_confusion_table_is_the_rows_grouped(rows):
    y_true, y_pred = map(list, zip(*rows, strict=True))
    snap = counted(y_true, pa.array(y_pred, pa.string()))
    groups = Counter(rows)
    found = snap.confusion().to_pylist()
    assert {(row["y_true"], row["y_pred"]): row["count"] for row in found} == groups
    assert len(found) == len(groups)
    counts = [row["count"] for row in found]
    assert counts == sorted(counts, reverse=True)
    sums = {"true": Counter(y_true), "pred": Counter(y_pred)}
    for normalize in ("true", "pred", "all"):
        for row in snap.confusion(normalize).to_pylist():
            whole = len(rows) if normalize == "all" else sums[normalize][row[f"y_{normalize}"]]
            assert row["share"] == float(Fraction(row["count"], whole))


def test_confusion_of_a_matrix():
    table = sa.from_confusion(["b", "a"], [[5, 0], [7, 5]]).confusion()
    assert table.to_pydict() == {"y_true": ["a", "a", "b"], "y_pred": ["b", "a", "b"], "count": [7, 5, 5]}
    empty = sa.from_confusion(["a"], [[0]]).confusion("all")
    assert (empty.num_rows, empty.column_names) == (0, ["y_true", "y_pred", "count", "share"])


def test_confusion_that_is_not_to_be_had():
    snap = sa.from_confusion(["a", "b"], [[1, 0], [0, 1]])
    with pytest.raises(sa.InputError, match=r"normalize is 'rows'.*'true', 'pred' or 'all'"):
        snap.confusion("rows")
    with pytest.raises(sa.InputError, match="multilabel"):
        sa.from_counts(["a"], [1], [0], [0], rows=1).confusion()
    with pytest.raises(sa.InputError, match="confusion=True"):
        sa.from_counts(["a"], [1], [0], [0], rows=1, task="multiclass").confusion()
    with pytest.raises(sa.InputError, match="'a'"):
        (snap - snap - snap).confusion()
    with pytest.raises(sa.InputError, match="confusion=True"):
        counted(list(range(513)), list(range(513))).confusion()
    assert counted(list(range(513)), list(range(513)), confusion=True).confusion().num_rows == 513
