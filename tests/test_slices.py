"""Slices: every slice is what its rows alone give, whatever the task, the cut, the order, and what else is counted."""

from __future__ import annotations

import datetime as dt
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from tests import oracles, strategies
from tests.strategies import OFFERS, keys_of, pieces_of, scaled, sliced_cases, sliced_table

ZERO = sa.Snapshot()


def counted(case, extra, options, rows=None):
    acc = case.accumulator(**options)
    acc.update(sliced_table(case, extra, rows))
    return acc.snapshot()


def by_rows(case, extra, options):
    """Each slice counted by itself, without slices."""
    keys = keys_of(extra, options)
    return {key: case.counted([row for row, k in zip(case.rows, keys, strict=True) if k == key]) for key in set(keys)}


@given(sliced_cases())
def test_each_slice_is_what_its_rows_alone_give(drawn):
    snapshot, expected = counted(*drawn), by_rows(*drawn)
    found = snapshot.slices
    assert found.keys() == {key for key, one in expected.items() if one != ZERO}
    for key, one in found.items():
        assert one == expected[key]
        assert one.state.config == expected[key].state.config
    assert sum(found.values(), ZERO) == drawn[0].counted()


@given(sliced_cases(), st.data())
def test_any_cut_order_offer_and_sum_of_shards(drawn, data):
    case, extra, options = drawn
    whole = counted(*drawn)
    order = data.draw(st.permutations(range(len(case.rows))))
    acc, total = case.accumulator(**options), ZERO
    for places in pieces_of(order, data.draw(strategies.cuts)):
        acc.update(data.draw(st.sampled_from(OFFERS))(sliced_table(case, extra, places)))
        total = data.draw(st.sampled_from([lambda a, b: a + b, lambda a, b: b + a]))(
            total, counted(case, extra, options, places)
        )
    assert acc.snapshot() == whole == total


@given(sliced_cases(max_rows=12), st.data())
def test_slices_are_a_group(drawn, data):
    case, extra, options = drawn
    places = list(range(len(case.rows)))
    a = counted(*drawn)
    b, c = (
        counted(case, extra, options, data.draw(st.lists(st.sampled_from(places), max_size=8)) if places else [])
        for _ in range(2)
    )
    oracles.assert_group(a, b, c)


@given(sliced_cases(max_rows=12), st.data())
def test_retract_takes_slices_away(drawn, data):
    case, extra, options = drawn
    acc = case.accumulator(**options)
    gone = [k for k in range(len(case.rows)) if data.draw(st.booleans())]
    left = [k for k in range(len(case.rows)) if k not in gone]
    if data.draw(st.booleans()):
        acc.retract(sliced_table(case, extra, gone))
        acc.update(sliced_table(case, extra))
    else:
        acc.update(sliced_table(case, extra))
        acc.retract(sliced_table(case, extra, gone))
    assert acc.snapshot() == counted(case, extra, options, left)


@given(sliced_cases(max_rows=12), st.data())
def test_a_file_holds_slices(drawn, data):
    case, extra, options = drawn
    a = counted(*drawn)
    b = counted(case, extra, options, [k for k in range(len(case.rows)) if data.draw(st.booleans())])
    for snapshot in (a, a - b, b - a, ZERO - a):
        back = sa.from_bytes(snapshot.to_bytes())
        assert back == snapshot
        assert back.slices == snapshot.slices
        assert back.to_bytes() == snapshot.to_bytes()
        assert back + b == snapshot + b


@scaled(2)
@given(sliced_cases(max_rows=6), st.data())
def test_fingerprints_differ_where_a_row_is_in_another_slice(drawn, data):
    case, extra, options = drawn
    moved = {name: data.draw(st.permutations(values)) for name, values in extra.items()}
    same = by_rows(case, extra, options) == by_rows(case, moved, options)
    assert (counted(case, extra, options) == counted(case, moved, options)) is same


@given(sliced_cases(max_rows=20), st.data())
def test_op_takes_rows_away_in_any_order(drawn, data):
    case, extra, options = drawn
    gone = [k for k in range(len(case.rows)) if data.draw(st.booleans())]
    signed = data.draw(st.permutations([(k, "+") for k in range(len(case.rows))] + [(k, "-") for k in gone]))
    acc = case.accumulator(**options, op="op")
    for part in pieces_of(signed, data.draw(strategies.cuts)):
        table = sliced_table(case, extra, [k for k, _ in part])
        acc.update(table.append_column("op", pa.array([op for _, op in part], pa.string())))
    assert acc.snapshot() == counted(case, extra, options, [k for k in range(len(case.rows)) if k not in gone])


# ---- slices of many rows, through the kernels


@pytest.mark.parametrize("kind", ["int32", "dictionary", "text", "nulls", "closed", "abstain", "large", "sparse"])
def test_many_rows_by_two_columns_and_windows(kind, monkeypatch):
    if kind == "sparse":
        monkeypatch.setattr("streamavg.count.slice_table.MOST_CELLS", 1 << 10)
    rng = np.random.default_rng(7)
    rows, labels = 300_000, 50
    true = rng.integers(0, labels, rows).astype(np.int32)
    pred = np.where(rng.random(rows) < 0.8, true, rng.integers(0, labels, rows)).astype(np.int32)
    names = pa.array([f"place {k}" for k in range(100)])
    data = {
        "y_true": pa.array(true * (50_000 if kind == "large" else 1)),
        "y_pred": pa.array(pred * (50_000 if kind == "large" else 1)),
        "place": pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, 100, rows).astype(np.int16)), names),
        "level": pa.array(rng.integers(0, 3, rows)),
        "at": pa.array(rng.integers(0, 5 * 3600 * 10**6, rows), pa.timestamp("us")),
    }
    options = {}
    if kind in ("nulls", "abstain", "closed"):
        for name in ("y_true", "y_pred"):
            data[name] = pa.array(np.asarray(data[name]), mask=rng.random(rows) < 0.1)
        options = {"null_pred": "abstain" if kind != "nulls" else "wrong"}
    if kind == "closed":
        options |= {"labels": range(30), "unknown": "count"}
    if kind in ("dictionary", "text"):
        for name in ("y_true", "y_pred"):
            data[name] = data[name].cast(pa.string())
            data[name] = data[name].dictionary_encode() if kind == "dictionary" else data[name]
    table = pa.table(data)
    found = sa.evaluate(table, by=["place", "level"], window="1h", time="at", **options)
    assert len(found.slices) == 100 * 3 * 5
    assert sum(found.slices.values(), ZERO) == sa.evaluate(table, **options)
    hours = np.asarray(data["at"].cast(pa.int64())) // (3600 * 10**6)
    places, levels = np.asarray(data["place"].indices), np.asarray(data["level"])
    for k in random.Random(kind).sample(range(1500), 25):
        place, level, hour = k // 15, k // 5 % 3, k % 5
        part = table.filter(pa.array((places == place) & (levels == level) & (hours == hour)))
        start = dt.datetime(1970, 1, 1, hour, tzinfo=dt.UTC)
        assert found.slices[(f"place {place}", str(level), start)] == sa.evaluate(part, **options)


# ---- what is refused


def test_more_slices_than_allowed_are_refused_and_leave_nothing():
    acc = sa.Accumulator(by="c", max_slices=2)
    acc.update({"y_true": [1, 2], "y_pred": [1, 1], "c": ["a", "b"]})
    before = acc.snapshot()
    with pytest.raises(sa.InputError, match=r"3 slices by 'c', but max_slices is 2; .*--max-slices"):
        acc.update({"y_true": [1, 2], "y_pred": [1, 1], "c": ["a", "c"]})
    assert acc.snapshot() == before
    acc.retract({"y_true": [1], "y_pred": [1], "c": ["a"]})
    acc.update({"y_true": [2], "y_pred": [1], "c": ["c"]})
    assert acc.snapshot().slices.keys() == {("b",), ("c",)}


def test_folded_slices_keep_the_total():
    acc = sa.Accumulator(by="c", max_slices=2, fold_slices=True)
    data = {"y_true": [1, 2, 3, 3], "y_pred": [1, 1, 3, 2], "c": ["a", "b", "c", "d"]}
    acc.update(data)
    snapshot = acc.snapshot()
    assert snapshot.slices.keys() == {("a",), ("b",), ()}
    assert snapshot.slices[()].rows == 2
    assert sum(snapshot.slices.values(), ZERO) == sa.evaluate({name: data[name] for name in ("y_true", "y_pred")})
    again = sa.Accumulator(by="c", max_slices=2, fold_slices=True)
    again.merge(snapshot)
    again.update(data)
    assert again.snapshot() == snapshot + snapshot


@pytest.mark.parametrize("value", [None, "", "++", "x"])
def test_an_op_that_is_none_names_its_row(value):
    acc = sa.Accumulator(op="op")
    acc.update({"y_true": [1], "y_pred": [1], "op": ["+"]})
    before = acc.snapshot()
    with pytest.raises(sa.InputError, match=r"column 'op': .* at row 2 is no op"):
        acc.update({"y_true": [1, 2, 3], "y_pred": [1, 1, 1], "op": ["-", "+", value]})
    assert acc.snapshot() == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": "5m"}, "window and time go together"),
        ({"time": "ts"}, "window and time go together"),
        ({"window": "5 parsecs", "time": "ts"}, "window is '5 parsecs'; give a length of time"),
        ({"by": ["a", "a"]}, "by names a column twice"),
        ({"by": [3]}, "3 is no column"),
        ({"by": "a", "max_slices": 0}, "max_slices is 0"),
    ],
)
def test_options_that_cannot_be(options, words):
    with pytest.raises(sa.InputError, match=words):
        sa.Accumulator(**options)


def test_states_with_other_slices_do_not_add_up():
    one = sa.evaluate({"y_true": [1], "y_pred": [1], "a": ["x"], "b": ["y"]}, by="a")
    other = sa.evaluate({"y_true": [1], "y_pred": [1], "a": ["x"], "b": ["y"]}, by=["a", "b"])
    with pytest.raises(sa.MismatchError, match="by is"):
        one + other
    with pytest.raises(sa.InputError, match="update_pairs has no columns"):
        sa.Accumulator(by="a").update_pairs([1], [1], [1])


def test_a_failed_batch_leaves_every_slice():
    acc = sa.Accumulator(by="c")
    acc.update({"y_true": [1, 2], "y_pred": [1, 1], "c": ["a", "b"]})
    before = acc.snapshot()
    for bad in ({"y_true": [1.5], "y_pred": [1.0], "c": ["a"]}, {"y_true": [1], "y_pred": [1], "c": [[1]]}):
        with pytest.raises(sa.InputError):
            acc.update(bad)
        assert acc.snapshot() == before
