"""Times of any type against datetime: what is a time, which microsecond it is, and what is none."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.count.times import times_of
from tests.strategies import scaled

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
moments = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))


def micro(time):
    time = time if time.tzinfo else time.replace(tzinfo=dt.UTC)
    return (time - EPOCH) // dt.timedelta(microseconds=1)


def read(array):
    times, known = times_of(array, "ts")
    return [int(t) if k else None for t, k in zip(times, known, strict=True)]


@given(
    st.lists(st.one_of(st.none(), moments)),
    st.sampled_from(["s", "ms", "us"]),
    st.sampled_from([None, "UTC", "Asia/Tokyo"]),
)
def test_timestamps(times, unit, zone):
    per = {"s": 10**6, "ms": 1000, "us": 1}[unit]
    raw = [None if time is None else micro(time) // per for time in times]
    array = pa.array(raw, pa.int64()).cast(pa.timestamp(unit, zone))
    expected = [None if value is None else value * per for value in raw]
    assert read(array) == expected
    assert read(array.dictionary_encode()) == expected
    assert read(pa.concat_arrays([array[:1], array]).slice(min(1, len(array)))) == expected


@given(st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))))
def test_nanoseconds_are_rounded_down(raw):
    assert read(pa.array(raw, pa.timestamp("ns"))) == [None if value is None else value // 1000 for value in raw]


@given(st.lists(st.one_of(st.none(), st.dates(dt.date(1, 1, 1)))), st.sampled_from([pa.date32(), pa.date64()]))
def test_dates(days, kind):
    expected = [None if day is None else micro(dt.datetime(day.year, day.month, day.day)) for day in days]
    assert read(pa.array(days, kind)) == expected


def text_of(time, rng):
    text = time.isoformat(sep="T" if rng % 2 else " ", timespec=("seconds", "milliseconds", "microseconds")[rng % 3])
    return text.replace("+00:00", "Z") if rng % 5 == 0 else text


zones = st.sampled_from(
    [None, dt.UTC, dt.timezone(dt.timedelta(hours=5, minutes=30)), dt.timezone(-dt.timedelta(hours=8))]
)
JUNK = [
    None,
    "",
    "soon",
    "2024-02-30",
    "2024-13-01",
    "2024-01-01T25:00",
    "2024-01-01T00:00:61",
    "0000-01-01",
    "2024-02-30T10:00:00+01:00",
    "nan",
    "1e3",
    "2024-01-01\n",
    " 2024-01-01",
    "99999999999999",
]


@scaled(0.3)
@given(st.lists(st.tuples(moments, zones, st.integers(0, 29))), st.lists(st.sampled_from(JUNK)), st.randoms())
def test_iso_texts_among_others(times, junk, rng):
    texts = [text_of(time.replace(tzinfo=zone), how) for time, zone, how in times]
    rows = [(text, micro(dt.datetime.fromisoformat(text))) for text in texts] + [(text, None) for text in junk]
    rng.shuffle(rows)
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        assert read(pa.array([text for text, _ in rows], kind)) == [value for _, value in rows]
    for text, value in rows:  # whatever the others are
        assert read(pa.array([text], pa.string())) == [value]


def test_texts_of_other_lengths():
    texts = [
        "2024-05-06",
        "2024-05-06 07:08",
        "2024-05-06T07:08:09.1234567Z",
        "2024-05-06T07:08:09+01",
        "1700000000",
        "-1.5",
    ]
    day = dt.datetime(2024, 5, 6, 7, 8)
    expected = [micro(dt.datetime(2024, 5, 6)), micro(day), micro(day.replace(second=9, microsecond=123456))]
    expected += [micro(day.replace(hour=6, second=9)), 1700000000 * 10**6, -1500000]
    assert read(pa.array(texts)) == expected


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64(), pa.float32(), pa.float64()]
)
def test_numbers_are_seconds(kind):
    values = [0, None, 100, 7] + ([] if kind in (pa.uint32(), pa.uint64()) else [-3])
    assert read(pa.array(values, kind)) == [None if value is None else value * 10**6 for value in values]


def test_what_no_window_can_take_is_no_time():
    far = [2**62, -(2**62), 253402300800, -62135596801, 253402300799]
    assert read(pa.array(far, pa.int64())) == [None] * 4 + [253402300799 * 10**6]
    floats = [float("nan"), float("inf"), -float("inf"), 1e300, 1.25]
    assert read(pa.array(floats)) == [None] * 4 + [1250000]
    assert read(pa.array(far[:2], pa.timestamp("s"))) == [None, None]
    assert read(pa.nulls(3)) == [None] * 3
    assert read(pa.array([2**64 - 1, 5], pa.uint64())) == [None, 5 * 10**6]
    snap = sa.evaluate({"y_true": [1], "y_pred": [1], "ts": [-62135596800]}, window="7d", time="ts")
    assert snap.slices.keys() == {(None,)}  # its window would start in the year 0


def test_runs_and_dictionaries():
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array([5, None], pa.int64()))
    assert read(runs) == [5 * 10**6, 5 * 10**6, None]
    codes = pa.array([0, None, 1, 0], pa.int8())
    assert read(pa.DictionaryArray.from_arrays(codes, pa.array([3, None]))) == [3 * 10**6, None, None, 3 * 10**6]
    assert read(pa.DictionaryArray.from_arrays(pa.array([None], pa.int8()), pa.array([], pa.int64()))) == [None]
    with pytest.raises(sa.InputError, match="damaged"):
        read(pa.DictionaryArray.from_arrays(pa.array([9]), pa.array([1]), safe=False))


@pytest.mark.parametrize(
    "kind", [pa.bool_(), pa.list_(pa.int64()), pa.time32("s"), pa.duration("s"), pa.decimal128(10, 2)]
)
def test_other_types_are_refused(kind):
    with pytest.raises(sa.InputError, match=r"column 'ts' has type .*; times are timestamps, dates, seconds"):
        times_of(pa.nulls(2, kind), "ts")


def test_garbage_under_nulls_is_not_looked_at():
    array = pa.array(np.array([2**62, 7]), pa.int64(), mask=np.array([True, False])).cast(pa.timestamp("s"), safe=False)
    assert read(array) == [None, 7 * 10**6]
