"""The bytes of a state: they come back, and damaged, cut, strange or hostile ones are refused, never obeyed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.wire import MAGIC, from_bytes, to_bytes

HEAD = len(MAGIC) + 32


def single():
    return sa.from_confusion(["a", "b"], [[3, 1], [2, 4]])


def sets():
    acc = sa.Accumulator()
    rows = [["a"], ["a", "b"], []], [["a"], ["c"], None]
    acc.update(dict(zip(("y_true", "y_pred"), (pa.array(side, pa.list_(pa.string())) for side in rows), strict=True)))
    return acc.snapshot()


def unusual():
    """Declared labels in an order of their own, skipped rows of two causes, both tallies."""
    acc = sa.Accumulator(labels=["b", "a"], unknown="count")
    acc.update({"y_true": ["a", "a", "b", None, "z"], "y_pred": pa.array(["a", None, "z", "a", "a"])})
    return acc.snapshot()


MAKERS = {
    "single": single,
    "sets": sets,
    "unusual": unusual,
    "binary": lambda: sa.from_confusion(["no", "yes"], [[3, 1], [2, 4]], pos_label="yes"),
    "empty": sa.Snapshot,
    "negative": lambda: single() - single() - single(),
    "without pairs": lambda: sa.from_counts(["a"], [2**62], [5], [7], rows=2**63 - 1),
    "edge of int64": lambda: sa.from_counts(["a"], [0], [0], [1], rows=2**63 - 1),
    "edge below zero": lambda: sa.Snapshot() - sa.from_counts(["a"], [0], [0], [1], rows=2**63 - 1),
    "wicked labels": lambda: sa.from_confusion(
        ["\x00", "", "\u202e", "a\nb", "caf\u00e9", "cafe\u0301"], [[1] * 6] * 6
    ),
}


@pytest.mark.parametrize("name", MAKERS)
def test_bytes_come_back(name):
    state = MAKERS[name]().state
    back = from_bytes(to_bytes(state))
    assert back.fingerprint == state.fingerprint
    assert (back.config, back.rows, back.order) == (state.config, state.rows, state.order)
    assert (dict(back.skipped), dict(back.tallies)) == (dict(state.skipped), dict(state.tallies))
    assert (back.pairs is None) == (state.pairs is None)
    if state.pairs is not None:
        assert back.pairs.labels == state.pairs.labels
        assert back.pairs.table.counts.tolist() == state.pairs.table.counts.tolist()
    assert to_bytes(back) == to_bytes(state)


def test_the_same_state_has_the_same_bytes():
    assert to_bytes(single().state) == to_bytes(single().state)


# ---- damage


@pytest.mark.parametrize("name", ["single", "sets", "empty"])
def test_every_bit_flip_is_refused(name):
    raw = to_bytes(MAKERS[name]().state)
    for place in range(len(raw)):
        for bit in range(8):
            damaged = bytearray(raw)
            damaged[place] ^= 1 << bit
            with pytest.raises(sa.StateError):
                from_bytes(bytes(damaged))


@pytest.mark.parametrize("name", ["single", "sets", "empty"])
def test_every_truncation_and_any_extension_is_refused(name):
    raw = to_bytes(MAKERS[name]().state)
    for size in range(len(raw)):
        with pytest.raises(sa.StateError):
            from_bytes(raw[:size])
    for more in (b"\0", raw):
        with pytest.raises(sa.StateError):
            from_bytes(raw + more)


@settings(deadline=None)
@given(st.binary() | st.binary().map(lambda rest: MAGIC + rest))
def test_any_bytes_are_refused(raw):
    with pytest.raises(sa.StateError):
        from_bytes(raw)


@pytest.mark.parametrize("what", [None, "text", 7, [1, 2]])
def test_what_is_no_bytes_is_refused(what):
    with pytest.raises((sa.StateError, TypeError)):
        from_bytes(what)


def test_buffers_are_bytes_too():
    raw = to_bytes(single().state)
    assert from_bytes(bytearray(raw)).rows == from_bytes(memoryview(raw)).rows == 10


# ---- contents that nobody counted, under a right digest


def sealed(body):
    return MAGIC + hashlib.sha256(body).digest() + body


def forged(snap, change_meta=None, columns=None, meta_text=None):
    """The bytes of a snapshot with its metadata or some columns replaced, and a digest that is right."""
    batch = pa.ipc.open_stream(to_bytes(snap.state)[HEAD:]).read_next_batch()
    meta = json.loads(batch.schema.metadata[b"streamavg"])
    if change_meta is not None:
        change_meta(meta)
    held = {name: batch[name] for name in batch.schema.names}
    for name, values in (columns or {}).items():
        held[name] = values if isinstance(values, pa.Array) and len(values) == 1 else listed(values)
    schema = {"streamavg": json.dumps(meta) if meta_text is None else meta_text}
    forged_batch = pa.record_batch(held).replace_schema_metadata(schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, forged_batch.schema) as writer:
        writer.write_batch(forged_batch)
    return sealed(sink.getvalue().to_pybytes())


def listed(values):
    """One list of these values, as the format holds its columns: int64 or large_string unless already an array."""
    if not isinstance(values, pa.Array):
        values = pa.array(values, pa.large_string() if isinstance(values[0], str) else pa.int64())
    return pa.LargeListArray.from_arrays(pa.array([0, len(values)]), values)


def test_the_forger_can_write():
    """Without a change the forgery is the state itself, so what is refused below is refused for its change."""
    for make in MAKERS.values():
        assert from_bytes(forged(make())).fingerprint == make().state.fingerprint
    changed = from_bytes(forged(single(), lambda meta: meta.update(skipped={"null_true": 4})))
    assert changed.seen == 14


WRONG_META = {
    "rows, text": {"rows": "10"},
    "rows, fraction": {"rows": 10.5},
    "rows, float": {"rows": 10.0},
    "rows, true": {"rows": True},
    "rows, null": {"rows": None},
    "rows, list": {"rows": [10]},
    "rows, too many": {"rows": 11},
    "rows, too few": {"rows": -10},
    "rows, huge": {"rows": 10**30},
    "skipped, list": {"skipped": [1]},
    "skipped, null": {"skipped": None},
    "skipped, text count": {"skipped": {"null_true": "5"}},
    "skipped, fraction": {"skipped": {"null_true": 1.5}},
    "skipped, huge": {"skipped": {"null_true": 2**64}},
    "skipped, seen beyond int64": {"skipped": {"null_true": 2**63 - 1}},
    "skipped, unknown cause": {"skipped": {"bored": 1}},
    "tallies, text": {"tallies": "abc"},
    "tallies, unknown": {"tallies": {"bored": 1}},
    "tallies, one too many": {"tallies": {"other": 1}},
    "pairs, text": {"pairs": "yes"},
    "config, null": {"config": None},
    "config, list": {"config": []},
    "config, text": {"config": "abc"},
    "config, empty": {"config": {}},
}
WRONG_CONFIG = {
    "task, unknown": {"task": "regression"},
    "task, list": {"task": []},
    "task, undecided with rows": {"task": None},
    "binary, three labels": {"task": "binary", "pos_label": "z"},
    "binary, no positive label": {"task": "binary"},
    "pos_label of a multiclass task": {"pos_label": "a"},
    "pos_label, number": {"pos_label": 3},
    "pos_label, zero": {"pos_label": 0},
    "pos_label, false": {"pos_label": False},
    "pos_label, list": {"pos_label": []},
    "pos_label, surrogate": {"pos_label": "\ud800"},
    "labels, text": {"labels": "ab"},
    "labels, twice": {"labels": ["a", "a"]},
    "labels, numbers": {"labels": [1]},
    "labels, null": {"labels": None},
    "labels, surrogate": {"labels": ["\ud800"]},
    "labels, closed but others counted": {"labels": ["a"], "unknown": "count"},
    "unknown": {"unknown": "maybe"},
    "unknown, list": {"unknown": ["grow"]},
    "null_pred": {"null_pred": "maybe"},
    "samples, number": {"samples": 1},
    "samples, text": {"samples": "yes"},
    "another option": {"threshold": 0.5},
}


@pytest.mark.parametrize("name", WRONG_META)
def test_forged_metadata_is_refused(name):
    with pytest.raises(sa.StateError):
        from_bytes(forged(single(), lambda meta: meta.update(WRONG_META[name])))


@pytest.mark.parametrize("name", WRONG_CONFIG)
def test_forged_options_are_refused(name):
    with pytest.raises(sa.StateError):
        from_bytes(forged(single(), lambda meta: meta["config"].update(WRONG_CONFIG[name])))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "{}", "[" * 100_000, '{"rows": NaN}', b"\xff\xfe"])
def test_metadata_that_is_no_object_is_refused(text):
    with pytest.raises(sa.StateError):
        from_bytes(forged(single(), meta_text=text))


def test_missing_metadata_and_columns_are_refused():
    for body in (b"", b"not an Arrow stream", single().to_bytes()):
        with pytest.raises(sa.StateError):
            from_bytes(sealed(body))
    batch = pa.record_batch({"label": pa.array(["a"])})
    for batches in ([], [batch]):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            for each in batches:
                writer.write_batch(each)
        with pytest.raises(sa.StateError):
            from_bytes(sealed(sink.getvalue().to_pybytes()))


WRONG_COLUMNS = {
    "labels, unsorted": {"label": ["b", "a"]},
    "labels, twice": {"label": ["a", "a"]},
    "labels, null": {"label": ["a", None]},
    "labels, numbers": {"label": [1, 2]},
    "labels, bytes": {"label": pa.array([b"a", b"b"], pa.large_binary())},
    "labels, too many": {"label": ["a", "b", "c"]},
    "labels, no list": {"label": pa.array(["a"])},
    "cells, no list": {"tp": pa.array([7])},
    "cells, structs": {"tp": pa.array([{"a": 1}])},
    "cells, null list": {"tp": pa.array([None], pa.large_list(pa.int64()))},
    "cells, null": {"tp": [3, None]},
    "cells, floats": {"tp": pa.array([3.0, 4.0])},
    "cells, unsigned": {"tp": pa.array([3, 4], pa.uint64())},
    "cells, short": {"tp": pa.array([3, 4], pa.int32())},
    "cells, times": {"tp": pa.array([3, 4], pa.timestamp("s"))},
    "cells, too many": {"tp": [3, 4, 5]},
    "cells, sums are not rows": {"tp": [3, 5]},
    "cells, negative": {"tp": [-3, 4]},
    "cells, sums beyond int64": {"tp": [2**63 - 1, 2**63 - 1], "fn": [2**63 - 1, 2**63 - 1]},
    "pairs, below the labels": {"pair_key": [-1, 1], "pair_count": [5, 5]},
    "pairs, beyond the labels": {"pair_key": [1 << 62, 1], "pair_count": [5, 5]},
    "pairs, too few counts": {"pair_count": [1, 9, 0]},
    "pairs, floats": {"pair_key": pa.array([1.0, 2.0])},
    "row sizes of one label a row": {"row_key": [5, 6], "row_count": [7, 3]},
}


@pytest.mark.parametrize("name", WRONG_COLUMNS)
def test_forged_columns_are_refused(name):
    with pytest.raises(sa.StateError):
        from_bytes(forged(single(), columns=WRONG_COLUMNS[name]))


WRONG_SETS = {  # three rows; keys hold |both|, |predicted|, |true| in 21 bits each
    "row sizes, negative": {"row_key": [-5, 0], "row_count": [1, 2]},
    "row sizes, more right than predicted": {"row_key": [(5 << 42) + (1 << 21) + 9, 0], "row_count": [1, 2]},
    "row sizes, more rows than there are": {"row_key": [0, 1], "row_count": [1, 77]},
    "row sizes, fewer labels than the cells": {"row_key": [0], "row_count": [3]},
    "row sizes, more predictions than the cells": {"row_key": [(1 << 42) + (9 << 21) + 3], "row_count": [3]},
    "cells, TN would be negative": {"tp": [3, 3, 3], "fp": [3, 3, 3]},
    "cells, TN would wrap": {"tp": [2**62] * 3, "fp": [2**62] * 3, "fn": [2**62] * 3},
}


@pytest.mark.parametrize("name", WRONG_SETS)
def test_forged_sets_are_refused_or_cannot_be_read(name):
    """A difference of states may hold odd counts and still be saved; it must not be read as if it were rows."""
    with pytest.raises(sa.StateError):
        sa.from_bytes(forged(sets(), columns=WRONG_SETS[name])).metrics()


def test_a_sealed_stream_cut_anywhere_is_refused():
    """The digest is right, the Arrow stream is not: Arrow's own errors must not get out. The last bytes only end it."""
    body = to_bytes(single().state)[HEAD:]
    whole = single().fingerprint()
    for size in range(0, len(body), 3):
        try:
            assert from_bytes(sealed(body[:size])).fingerprint == whole
        except sa.StateError:
            continue
        assert size >= len(body) - 8


FLIPS = """
import hashlib, random, sys
import streamavg as sa
from streamavg.wire import MAGIC, from_bytes, to_bytes
body = to_bytes(sa.from_confusion(["a", "b"], [[3, 1], [2, 4]]).state)[len(MAGIC) + 32:]
random.seed(int(sys.argv[1]))
for _ in range(1500):
    damaged = bytearray(body)
    place = random.randrange(8 * len(body))
    damaged[place // 8] ^= 1 << place % 8
    try:
        from_bytes(MAGIC + hashlib.sha256(damaged).digest() + bytes(damaged))
    except sa.StateError:
        pass
"""


def test_bit_flips_under_a_right_digest_do_not_crash():
    """In a process of its own, since a crash inside Arrow's reader would take the tests with it."""
    done = subprocess.run([sys.executable, "-c", FLIPS, "1"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
