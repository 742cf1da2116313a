"""Hostile values, layouts and sizes, a test for each row of the fault matrix that is not about one module.

Rows of sections A, B, C and G stand with the modules they are about: kernels' cache, state files, positions, threads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import streamavg as sa
from streamavg.errors import CountOverflowError, InputError
from tests import naive


def counted(true, pred, **options):
    acc = sa.Accumulator(**options)
    acc.update({"y_true": true, "y_pred": pred})
    return acc.snapshot()


def assert_counted(snapshot, rows, task="multiclass", **options):
    assert naive.unpacked(snapshot).covered == naive.count_rows(rows, task=task, **options).covered


def refused(true, pred, match, **options):
    """Neither counted nor half counted: the accumulator is as it was, and goes on."""
    acc = sa.Accumulator(**options)
    acc.update({"y_true": ["1"], "y_pred": ["1"]})
    before = acc.snapshot()
    with pytest.raises(InputError, match=match):
        acc.update({"y_true": true, "y_pred": pred})
    assert acc.snapshot() == before


# ---- D: values


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.uint64()])
@pytest.mark.parametrize("declared", [False, True])
def test_d1_any_integer_is_a_label_or_unknown_and_never_an_index(kind, declared):
    """-1 passes numba's own bounds check, so each is compared with counting by hand."""
    info = np.iinfo(kind.to_pandas_dtype())
    values = sorted(
        {0, 1, 2, int(info.min), int(info.max) if info.max < 2**63 else 2**63 - 1} | ({-1} & {int(info.min) >> 63})
    )
    rows = [(str(true), str(pred)) for true in values for pred in values]
    true, pred = (pa.array([int(row[k]) for row in rows], kind) for k in (0, 1))
    options = {"labels": ["0", "1"], "unknown": "count"} if declared else {}
    assert_counted(counted(true, pred, **options), rows, **options)


def test_d1_beyond_int64_is_refused():
    for bad in (2**63, 2**64 - 1):
        refused(pa.array([bad], pa.uint64()), pa.array([1], pa.uint64()), "outside int64")


def test_d2_unequal_lengths_are_refused():
    refused([1, 2, 3], [1, 2], "differ in length")
    acc = sa.Accumulator()
    with pytest.raises(InputError, match="differ in length"):
        acc.update_pairs([1, 2], [1], [1, 1])


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.uint64(), pa.string(), pa.bool_(), pa.float64()])
def test_d3_nulls_are_tallied_and_never_a_label(kind):
    """Not -1, not the least integer, whatever lies under them."""
    values = pa.array([1, 0, 1, None], pa.int8()).cast(kind) if kind != pa.string() else pa.array(["1", "0", "1", None])
    snap = counted(values, values.take(pa.array([3, 1, 2, 0])), task="multiclass")
    assert_counted(snap, [("1", None), ("0", "0"), ("1", "1"), (None, "1")])
    assert (snap.skipped, snap.tallies) == ({"null_true": 1}, {"unanswered": 1})
    assert set(snap.labels) == {0, 1}


def test_d4_an_unknown_prediction_is_a_shown_other():
    rows = [("a", "a"), ("a", "z"), ("b", "a"), ("z", "a"), ("b", "b")]
    true, pred = ([row[k] for row in rows] for k in (0, 1))
    snap = counted(true, pred, labels=["a", "b"], unknown="count")
    assert_counted(snap, rows, labels=["a", "b"], unknown="count")
    assert (snap.tallies, snap.skipped) == ({"other": 1}, {"unknown_true": 1})
    support = snap.matrix[:, 0] + snap.matrix[:, 2]
    assert support.tolist() == [2, 2]
    assert "outside the declared labels" in str(snap)
    refused(true, pred, "unknown is 'error'", labels=["1", "a", "b"], unknown="error")


def test_d7_a_label_is_its_text_whatever_type_the_column_has():
    """A Python dictionary would make one key of 1, 1.0 and True, and two of 1 and "1"."""
    forms = [pa.array([1, 0], kind) for kind in (pa.int8(), pa.uint64(), pa.float32())]
    forms += [
        pa.array(["1", "0"]),
        pa.array([b"1", b"0"]),
        pa.array([True, False]),
        pa.array(["1", "0"]).dictionary_encode(),
    ]
    prints = {counted(true, pred, task="multiclass").fingerprint() for true in forms for pred in forms}
    assert len(prints) == 1
    assert counted(["007", "7"], ["7", "007"]).labels == ["007", "7"]


def test_d8_no_count_wraps():
    most = 2**63 - 1
    full = sa.from_counts(["a"], [most], [0], [0], rows=most)
    one = sa.from_counts(["a"], [1], [0], [0], rows=1)
    with pytest.raises(CountOverflowError):
        full + one
    acc = sa.Accumulator()
    acc.update_pairs(["a"], ["a"], [most])
    before = acc.snapshot()
    for attempt in (
        lambda: acc.update({"y_true": ["a"], "y_pred": ["a"]}),
        lambda: acc.update_pairs(["b"], ["b"], [1]),
        lambda: acc.merge(before),
    ):
        with pytest.raises(CountOverflowError):
            attempt()
        assert acc.snapshot() == before


def test_d9_derived_numbers_are_right_where_int64_would_wrap():
    """The sum of TN over 1,000 classes of 1e18 rows, and products of cells of 1e10, as fractions."""
    labels, n = list(range(1000)), 10**18
    tp = [n // 1000 - 3] * 1000
    wrong = [3] * 1000
    snap = sa.from_counts(labels, tp, wrong, wrong, rows=n, task="multiclass")
    tn = [n - t - 6 for t in tp]
    assert snap.value("specificity", average="micro") == float(Fraction(sum(tn), sum(tn) + 3000))
    c = sum(tp)
    square = 1000 * (n // 1000) ** 2
    assert snap["matthews_corrcoef"] == pytest.approx(float(Fraction(c * n - square, n * n - square)), abs=1e-15)
    assert snap["cohen_kappa"] == pytest.approx(float(Fraction(c * n - square, n * n - square)), abs=1e-15)


# ---- E: Arrow layouts


LABELS = ["a", "b", None, "c"]


@pytest.mark.parametrize("offset", [0, 1, 3, 8, 13])
@pytest.mark.parametrize("bitmap", ["some null", "all null", "none"])
def test_e1_slices_and_bitmaps(offset, bitmap):
    texts = {"some null": LABELS, "all null": [None] * 4, "none": ["a", "b", "a", "c"]}[bitmap]
    padded = pa.array(["x"] * offset + texts + ["y"] * 5)
    other = pa.array(["c"] * 4)
    for array in (padded, padded.dictionary_encode()):
        snap = counted(other, array.slice(offset, 4), task="multiclass")
        assert_counted(snap, [("c", text) for text in texts])


def test_e2_codes_under_nulls_are_never_an_index():
    """They pass Arrow's full validation."""
    bits = pa.py_buffer(bytes([0b0101]))
    codes = pa.Array.from_buffers(pa.int32(), 4, [bits, pa.py_buffer(np.array([0, 10**6, 1, -(2**31)], np.int32))])
    wild = pa.DictionaryArray.from_arrays(codes, pa.array(["a", "b"]), safe=False)
    wild.validate(full=True)
    assert_counted(counted(["a"] * 4, wild), [("a", "a"), ("a", None), ("a", "b"), ("a", None)])
    assert_counted(counted(wild, ["a"] * 4), [("a", "a"), (None, "a"), ("b", "a"), (None, "a")])


def test_e3_a_dictionary_a_batch():
    """Known by identity and content: as many as there are batches, and memory that does not follow them."""
    acc, rows = sa.Accumulator(), []
    for k in range(3000):
        names = [f"label{(k + j) % 7}" for j in range(3)]
        array = pa.DictionaryArray.from_arrays(pa.array([k % 3, 2], pa.int8()), pa.array(names))
        acc.update({"y_true": array, "y_pred": array.take(pa.array([1, 0]))})
        texts = array.to_pylist()
        rows += zip(texts, texts[::-1], strict=True)
    snap = acc.snapshot()
    assert_counted(snap, rows)
    assert snap.state_bytes < 3000


def test_e4_equal_entries_of_a_dictionary_are_one_label():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["a", "b", "a"]))
    assert_counted(counted(array, ["a", "a", "a"]), [("a", "a"), ("b", "a"), ("a", "a")])


def test_e5_a_null_in_a_dictionary_is_null():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0]), pa.array(["a", None]))
    assert array.null_count == 0
    assert_counted(counted(array, ["a"] * 3), [("a", "a"), (None, "a"), ("a", "a")])
    assert_counted(counted(["a"] * 3, array), [("a", "a"), ("a", None), ("a", "a")])


@pytest.mark.parametrize("entries", [2, 600])
@pytest.mark.parametrize("beyond", [0, 100, 2**31 - 601, None, -1])
def test_e6_a_forged_code_is_refused(beyond, entries):
    """Arrow reads it from a stream without an error, and its quick validation passes."""
    code = -(2**31) if beyond is None else -1 if beyond < 0 else entries + beyond
    names = pa.array([f"{k}" for k in range(entries)])
    forged = pa.DictionaryArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), 2, [None, pa.py_buffer(np.array([0, code], np.int32))]), names, safe=False
    )
    sink = pa.BufferOutputStream()
    batch = pa.record_batch({"y_true": forged, "y_pred": forged})
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    read = pa.ipc.open_stream(sink.getvalue()).read_all()
    for true, pred in ((read["y_true"], ["1", "1"]), (["1", "1"], read["y_pred"])):
        refused(true, pred, f"is outside its {entries} values")


def test_e8_forged_offsets_and_bytes_that_are_no_text_are_refused():
    offsets = pa.py_buffer(np.array([0, 2**30, 2], np.int32))
    forged = pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"ab"))
    refused(forged, ["1", "1"], "damaged Arrow array")
    bad = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff"))
    for array in (bad, pa.array([b"\xff"]), pa.array([b"\xff"]).dictionary_encode()):
        refused(array, ["1"], "UTF-?8|damaged Arrow array")


def test_e9_chunk_layouts_of_the_two_columns_may_differ():
    rows = [("a", "b"), ("b", "b"), (None, "a"), ("c", None), ("a", "a")]
    true, pred = ([row[k] for row in rows] for k in (0, 1))
    kind = pa.string()
    left = pa.chunked_array([[], true[:2], [], true[2:]], kind)
    right = pa.chunked_array([pred[:4], [], pred[4:]], kind)
    assert_counted(counted(left, right), rows)
    acc = sa.Accumulator()
    acc.update(pa.table({"y_true": pa.chunked_array([], kind), "y_pred": pa.chunked_array([], kind)}))
    assert acc.snapshot() == sa.Snapshot()
    acc.update(pa.table({}))
    assert acc.snapshot() == sa.Snapshot()


# ---- C12: files of one data set that differ


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ({"y_pred": [7, 8]}, "is int64, but"),
        ({"Y_pred": ["7", "8"]}, "'y_pred' is missing"),
        ({}, "'y_pred' is missing"),
    ],
)
def test_c12_files_whose_columns_differ_are_refused_by_name(tmp_path, column, says):
    """Where Arrow's own data sets turn "7" into 7 and fill a missing column with nulls, and say nothing."""
    pq.write_table(pa.table({"y_true": ["7", "8"], "y_pred": ["7", "7"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"y_true": ["7", "8"], **column}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=rf"b\.parquet.*{says}"):
        sa.evaluate(tmp_path)


# ---- I and A9: bounds


def test_i2_no_more_labels_than_allowed():
    many = {"y_true": [f"name {k}" for k in range(2001)], "y_pred": ["name 0"] * 2001}
    acc = sa.Accumulator(max_labels=2000)
    with pytest.raises(InputError, match="2001 labels, but max_labels is 2000"):
        acc.update(many)
    assert acc.snapshot() == sa.Snapshot()
    acc.update({name: values[:2000] for name, values in many.items()})
    assert acc.snapshot().rows == 2000


def test_i3_a_huge_number_is_a_label_and_no_table():
    snap = counted(np.array([2**40, 3]), np.array([3, 2**62]))
    assert snap.labels == [3, 2**40, 2**62]
    assert snap.state_bytes < 1000


PEAK = """
import json, resource, sys
import pyarrow as pa
import streamavg as sa
from streamavg.count import kernels
batch = pa.record_batch({"y_true": [k % 50 for k in range(100_000)], "y_pred": [k * 7 % 50 for k in range(100_000)]})
acc, peaks = sa.Accumulator(), []
for size in map(int, sys.argv[1:]):
    while acc.snapshot().rows < size:
        for _ in range(50):
            acc.update(batch)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(json.dumps(peaks))
"""


@pytest.mark.parametrize("rows", [50_000_000, pytest.param(1_000_000_000, marks=pytest.mark.long)])
def test_i1_and_a9_memory_does_not_follow_the_rows(rows):
    """The peak after the first 10,000,000 rows is the peak after all of them, within 5 %."""
    command = [sys.executable, "-c", PEAK, "10000000", str(rows)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent)
    first, last = json.loads(ran.stdout)
    assert last <= 1.05 * first
