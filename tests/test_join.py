"""Predictions that learn their truth later, against a join in a dictionary, in any order, cut and saved anywhere."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.checkpoint.batches import as_bytes, from_bytes
from streamavg.errors import InputError, StateError
from streamavg.join import JoinBuffer, Limit
from tests import naive

ids = st.one_of(st.none(), st.integers(0, 12).map(str))
records = st.lists(st.tuples(ids, st.sampled_from(["prediction", "truth"]), st.integers(0, 99)), max_size=60)


def batch_of(rows, apart=False):
    """Records as rows of a stream that holds both kinds, or one."""
    names = ["id", "y_true", "y_pred"]
    columns = [
        pa.array([name for name, *_ in rows], pa.string()),
        pa.array([value if kind == "truth" else None for _, kind, value in rows], pa.int64()),
        pa.array([value if kind == "prediction" else None for _, kind, value in rows], pa.int64()),
    ]
    batch = pa.RecordBatch.from_arrays(columns, names=names)
    if not apart:
        return batch
    return batch.select(["id", "y_true" if rows[0][1] == "truth" else "y_pred"])


def pieces(rows, cuts, apart):
    """The records in batches: cut at random, and where another kind begins if the kinds are apart."""
    made = []
    for place, row in enumerate(rows):
        if not made or place in cuts or (apart and made[-1][-1][1] != row[1]):
            made.append([])
        made[-1].append(row)
    return made


@given(records, st.sets(st.integers(0, 60)), st.booleans(), st.integers(1, 40), st.sets(st.integers(0, 60)))
def test_it_is_the_join_of_a_dictionary(rows, cuts, apart, most, saves):
    expected, counts, waiting = naive.joined(rows, most)
    buffer, found = JoinBuffer("id", most), []
    for number, part in enumerate(pieces(rows, cuts, apart)):
        if number in saves:
            saved, buffer = buffer.to_bytes(), JoinBuffer("id", most)
            buffer.restore(saved)
        found += [
            (row["y_true"], row["y_pred"]) for out in buffer.join(batch_of(part, apart)) for row in out.to_pylist()
        ]
    assert Counter(found) == Counter(expected)
    assert {name: count for name, count in buffer.counters.items() if count} == dict(counts)
    assert len(buffer) == len(waiting)
    assert buffer.readings["waiting"] == list(waiting.values()).count("prediction")
    without = list(waiting.values()).count("prediction") + counts["expired"]
    assert buffer.readings["unlabelled"] == pytest.approx(without / max(without + counts["matched"], 1))


def test_rows_with_both_sides_or_neither():
    buffer = JoinBuffer("id")
    rows = {"id": ["a", None, "b", "c", "a"], "y_true": [1, 2, None, 3, None], "y_pred": [1, 2, None, None, 4]}
    (out,) = buffer.join(pa.record_batch(rows))
    assert out.to_pydict() == {"y_true": [1, 2], "y_pred": [1, 2]}
    named = {name: count for name, count in buffer.counters.items() if count}
    assert named == {"complete": 2, "incomplete": 1}
    assert len(buffer) == 2


def test_a_source_of_its_own_says_what_its_rows_are_even_if_they_are_null():
    buffer = JoinBuffer("id")
    assert buffer.join(pa.record_batch({"id": [1, 2], "y_pred": pa.array([None, "a"], pa.string())})) == []
    (out,) = buffer.join(pa.record_batch({"id": [2, 1], "y_true": pa.array([None, "b"], pa.string())}))
    assert sorted(out.to_pylist(), key=str) == [{"y_pred": "a", "y_true": None}, {"y_pred": None, "y_true": "b"}]
    assert buffer.counters["matched"] == 2


def test_other_columns_are_those_of_the_prediction_and_else_of_the_truth():
    buffer = JoinBuffer("id", y_score="s", y_pred=None)
    first = {"id": [1, 2], "s": [0.5, 0.6], "country": ["de", None], "model": ["m", "m"]}
    assert buffer.join(pa.record_batch(first)) == []
    (out,) = buffer.join(
        pa.record_batch({"id": [2, 1], "y_true": [1, 0], "country": ["fr", "xx"], "weight": [2.0, 3.0]})
    )
    rows = sorted(out.to_pylist(), key=lambda row: row["s"])
    assert rows == [
        {"s": 0.5, "country": "de", "model": "m", "y_true": 0, "weight": 3.0},
        {"s": 0.6, "country": "fr", "model": "m", "y_true": 1, "weight": 2.0},
    ]
    numbers = pa.record_batch({"id": [5], "s": [0.1], "country": pa.array([None], pa.int64()), "model": ["m"]})
    buffer.join(numbers)
    (out,) = buffer.join(pa.record_batch({"id": [5], "y_true": [1], "country": ["it"]}))
    assert out.to_pylist() == [{"s": 0.1, "country": "it", "model": "m", "y_true": 1}]


def test_ages():
    buffer = JoinBuffer("id", "10s")
    buffer.join(pa.record_batch({"id": [1, 2], "y_pred": ["a", "b"]}), now=100.0)
    assert len(buffer.join(pa.record_batch({"id": [1], "y_true": ["a"]}), now=110.0)) == 1
    assert buffer.join(pa.record_batch({"id": [2], "y_true": ["a"]}), now=110.5) == []
    assert buffer.counters["expired"] == 1
    buffer.join(pa.record_batch({"id": [3], "y_true": ["a"]}), now=90.0)  # a clock that was set back
    buffer.join(pa.record_batch({"id": [4], "y_true": ["a"]}), now=130.0)
    assert buffer.counters["orphan"] == 2


def test_the_time_of_the_records():
    """Seconds since 1970; one that is null, older or a day ahead of the clock moves nothing."""
    buffer = JoinBuffer("id", "10s", time="ts")
    stream = {"id": list(range(6)), "y_pred": ["a"] * 6, "ts": [100.0, 103.0, 101.0, None, 9e9, 104.0]}
    assert buffer.join(pa.record_batch(stream), now=2000.0) == []
    assert buffer.readings["unlabelled_age"] == 4.0
    rest = {"id": [0, 1], "y_true": ["a", "a"], "ts": [110.0, 111.0]}
    assert sum(out.num_rows for out in buffer.join(pa.record_batch(rest), now=2000.0)) == 2
    assert buffer.join(pa.record_batch({"id": [99], "y_true": ["a"], "ts": [113.5]}), now=2000.0) == []
    assert buffer.counters["expired"] == 3
    again = JoinBuffer("id", "10s", time="ts")
    again.restore(buffer.to_bytes())
    assert again.readings["unlabelled_age"] == 9.5
    assert len(again.join(pa.record_batch({"id": [5], "y_true": ["a"]}), now=9e9)) == 1, "a source without times"


def test_time_does_not_pass_while_nothing_runs(monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("streamavg.join.time.time", lambda: clock[0])
    first = JoinBuffer("id", "10s")
    first.join(pa.record_batch({"id": [1], "y_pred": ["a"]}))
    clock[0] += 4
    first.join(pa.record_batch({"id": [9], "y_pred": ["a"]}))
    assert first.readings["unlabelled_age"] == 4.0
    saved = first.to_bytes()
    clock[0] += 3600
    second = JoinBuffer("id", "10s")
    second.restore(saved)
    clock[0] += 5
    assert second.readings["unlabelled_age"] == 9.0
    assert len(second.join(pa.record_batch({"id": [1], "y_true": ["a"]}))) == 1


def test_a_new_limit_holds_from_the_restart_on():
    first = JoinBuffer("id", 100)
    first.join(pa.record_batch({"id": list(range(50)), "y_pred": ["a"] * 50}))
    second = JoinBuffer("id", 10)
    second.restore(first.to_bytes())
    (out,) = second.join(pa.record_batch({"id": [45, 3], "y_true": ["a", "a"]}))
    assert out.num_rows == 1
    assert second.counters["expired"] == 41


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "1e12", "0s", "24x", "1e6,", "nan", "inf", "infd"])
def test_limits_that_cannot_be(text):
    with pytest.raises(InputError, match="the limit of a join"):
        Limit.of(text)


def test_rows_that_cannot_be_joined_leave_the_buffer_as_it_was():
    buffer = JoinBuffer("id")
    for wrong, message in (
        ({"y_pred": ["a"]}, "no column 'id'"),
        ({"id": [1], "x": ["a"]}, "neither truth nor prediction"),
        ({"id": [1.5], "y_pred": ["a"]}, "ids of type double"),
    ):
        with pytest.raises(InputError, match=message):
            buffer.join(pa.record_batch(wrong))
    assert (len(buffer), sum(buffer.counters.values())) == (0, 0)
    assert buffer.join(pa.record_batch({"id": pa.array([], pa.string()), "y_pred": pa.array([], pa.string())})) == []


def saved():
    buffer = JoinBuffer("id", 100)
    buffer.join(pa.record_batch({"id": ["a", "b", "c"], "y_pred": pa.array(["x", "y", "z"]).dictionary_encode()}))
    buffer.join(pa.record_batch({"id": ["b", "d"], "y_true": ["x", "y"]}))
    return buffer.to_bytes()


def test_another_id_is_refused():
    with pytest.raises(StateError, match=r"f.sav: records were joined by 'id', and are joined by 'key' now"):
        JoinBuffer("key").restore(saved(), "f.sav")


def changed(**about):
    import json

    head, *rest = from_bytes(saved())
    said = json.loads(head["about"][0].as_py()) | about
    return as_bytes([pa.RecordBatch.from_arrays([pa.array([json.dumps(said)])], names=["about"]), *rest])


def without(place):
    batches = from_bytes(saved())
    del batches[place]
    return as_bytes(batches)


@pytest.mark.parametrize(
    "forged",
    [
        b"",
        b"\0" * 8,
        saved()[:-1],
        saved() + b"\0",
        changed(first=-1),
        changed(next=True),
        changed(next=2**70),
        changed(limit=[1]),
        changed(limit=[2, 1 << 60]),
        changed(limit=[1 << 40, 1]),
        changed(counts=[0, 0, 0]),
        changed(counts=[0, 0, 0, -1]),
        changed(rows={"complete": 1}),
        changed(key="00"),
        changed(key="zz" * 16),
        changed(clock="x"),
        without(0),
        without(1),
        without(2),
        as_bytes([*from_bytes(saved()), pa.record_batch({"": [99]})]),
        as_bytes([*from_bytes(saved()), pa.record_batch({"x": [99]})]),
    ],
    ids=lambda forged: f"{len(forged)} bytes",
)
def test_what_cannot_be_is_one_error(forged):
    buffer = JoinBuffer("id", 100)
    with pytest.raises(StateError, match=r"f.sav: the records that wait for their truth cannot be read: ."):
        buffer.restore(forged, "f.sav")
    buffer.restore(saved(), "f.sav")
    assert buffer.counters["matched"] == 1
    assert len(buffer) == 3


def test_it_feeds_an_accumulator():
    buffer, acc = JoinBuffer("id"), sa.Accumulator()
    stream = [{"id": [1, 2], "y_pred": ["cat", "dog"]}, {"id": [2, 1], "y_true": ["dog", "dog"]}]
    for part in stream:
        for pairs in buffer.join(pa.record_batch(part)):
            acc.update(pairs)
    assert acc.snapshot()["accuracy"] == 0.5
