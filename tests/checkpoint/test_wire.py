"""The bytes of a state file: they come back, and damaged, cut, strange or hostile ones are refused, never obeyed."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.checkpoint import wire
from streamavg.checkpoint.wire import from_bytes, pack, to_bytes, unpack
from streamavg.state.counts import Counts

HEAD = struct.Struct("<8sHHIQQQ16sQ")  # written down here again: the format must not move with the code
MAGIC = bytes([0x89, 0x53, 0x41, 0x56, 0x0D, 0x0A, 0x1A, 0x0A])


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


def large(labels=3000):
    """A file of some hundred kilobytes."""
    return sa.from_counts([f"label {k}" for k in range(labels)], *[range(labels)] * 3, rows=10**9)


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
    "owes rows only": lambda: (
        sa.from_counts(["a"], [3], [0], [0], rows=3) - sa.from_counts(["b"], [0], [0], [0], rows=2)
    ),
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
    assert to_bytes(single().state) == to_bytes(single().state) == single().to_bytes()
    halves = sa.from_confusion(["a", "b"], [[3, 0], [0, 4]]) + sa.from_confusion(["a", "b"], [[0, 1], [2, 0]])
    assert halves.to_bytes() == single().to_bytes()


SOURCES = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(SOURCES, st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1))
def test_sources_lineage_and_sequence_come_back(sources, lineage, sequence):
    found = unpack(pack(single().state, sources, lineage, sequence))
    assert (found.sources, found.lineage, found.sequence, found.format) == (sources, lineage, sequence, 1)
    assert found.state.fingerprint == single().fingerprint()


@pytest.mark.parametrize("attached", [b"", b"x", bytes(range(256)) * 9])
def test_what_is_attached_comes_back(attached):
    raw = pack(single().state, {"a": 1}, attached=attached)
    found = unpack(raw)
    assert (found.attached, found.sources, found.state.rows) == (attached, {"a": 1}, 10)
    assert refused(raw[:-1])
    assert (raw == pack(single().state, {"a": 1})) is (not attached)


def test_an_attachment_that_cannot_be_is_refused():
    raw = pack(single().state, attached=b"1234")
    fields, long = HEAD.unpack(raw[: HEAD.size]), HEAD.unpack(raw[: HEAD.size])[5]
    meta, body = raw[HEAD.size + 32 :][:long], raw[HEAD.size + 32 + long :]
    for size in (b"0", b"true", b"1e0", b"-4", b"999999999", b"3"):
        other = meta.replace(b'"attached":4', b'"attached":' + size).ljust(long)[: max(long, len(meta) + len(size) - 1)]
        assert refused(sealed(other, body, fields[:8]))
    assert unpack(sealed(meta, body, fields[:8])).attached == b"1234"
    assert refused(sealed(meta, body, (*fields[:3], 0, *fields[4:8])))


def test_names_that_are_no_utf_8_come_back():
    sources = {os.fsdecode(b"caf\xe9.csv"): {"done": 1}}
    assert unpack(pack(single().state, sources)).sources == sources


def taken(raw):
    """The fields of the head, the metadata and the body, by the layout of the format alone."""
    *fields, _ = HEAD.unpack(raw[:64])
    long, longer = fields[5:7]
    assert 96 + long + longer == len(raw)
    return fields, raw[96 : 96 + long], raw[96 + long :]


def test_the_layout():
    """96 bytes of head, JSON, a plain Arrow file; SHA-256 over all but itself."""
    raw = pack(unusual().state, {"x": 1}, b"0123456789abcdef", 7)
    assert raw[:8] == MAGIC
    assert struct.unpack("<HHI", raw[8:16]) == (1, 1, 0)
    assert struct.unpack("<QQQ", raw[16:40])[0] == 7
    assert raw[40:56] == b"0123456789abcdef"
    assert raw[56:64] == bytes(8)
    assert raw[64:96] == hashlib.sha256(raw[:64] + raw[96:]).digest()
    _, meta, body = taken(raw)
    about = json.loads(meta)
    assert about["sources"] == {"x": 1}
    assert about["streamavg"] == sa.__version__
    assert (about["rows"], about["skipped"], about["signed"]) == (3, {"null_true": 1, "unknown_true": 1}, False)
    batch = pa.ipc.open_file(body).get_batch(0)
    assert batch["declared"].to_pylist() == [["b", "a"]]
    assert batch["label"].to_pylist() == [["a", "b"]]
    assert batch["tp"].to_pylist() == [[1, 0]]
    assert (96 + len(meta)) % 8 == 0


def test_only_differences_are_marked_signed():
    for name, make in MAKERS.items():
        signed = json.loads(taken(make().to_bytes())[1])["signed"]
        assert signed is (name in ("negative", "edge below zero", "owes rows only")), name
        assert signed is (make().state.first_negative is not None), name


# ---- what must not be written


def test_a13_a_state_that_breaks_its_identities_is_not_written():
    """A memory fault or a bug: one counter flipped, the rows changed, a pair lost."""
    state = single().state
    cells = state.counts.cells.copy()
    cells[1, 0] ^= 1 << 40
    pairs = dataclasses.replace(state.pairs, labels=("a", "c"))
    damaged = {
        "cells": dataclasses.replace(state, counts=dataclasses.replace(state.counts, cells=cells)),
        "rows": dataclasses.replace(state, rows=11),
        "tallies": dataclasses.replace(state, tallies={"other": 1}),
        "pairs": dataclasses.replace(state, pairs=pairs),
        "TN beyond int64": dataclasses.replace(
            sa.from_counts(["a"], [1], [0], [0], rows=3).state, counts=Counts.of(("a",), np.full((1, 3), 2**62))
        ),
        "row table": dataclasses.replace(sets().state, rows=4),
    }
    for name, broken in damaged.items():
        with pytest.raises(sa.StateError, match="not saved"):
            pack(broken)
        assert name


def test_more_metadata_than_a_reader_takes_is_not_written():
    with pytest.raises(sa.StateError, match="too large"):
        pack(single().state, {"x": "y" * wire.MOST_META})


# ---- damage


def refused(data):
    """Whether the bytes are refused as they should be; any other error gets out."""
    try:
        from_bytes(data)
    except sa.StateError:
        return True
    return False


@pytest.mark.parametrize("name", ["single", "sets", "empty"])
def test_b1_every_bit_flip_is_refused(name):
    raw = bytearray(to_bytes(MAKERS[name]().state))
    for place in range(8 * len(raw)):
        raw[place // 8] ^= 1 << place % 8
        assert refused(raw), place
        raw[place // 8] ^= 1 << place % 8
    assert not refused(raw)


@pytest.mark.parametrize("name", ["single", "sets", "empty"])
def test_b1_every_truncation_and_any_extension_is_refused(name):
    raw = to_bytes(MAKERS[name]().state)
    assert all(refused(raw[:size]) for size in range(len(raw)))
    assert all(refused(raw + more) for more in (b"\0", b"\n", raw))
    assert refused(raw.replace(b"\r\n", b"\n", 1)), "a copy in text mode"


def mutated(raw, rng):
    """The bytes after one random accident; it may by chance change nothing."""
    start, size = rng.randrange(len(raw)), min(rng.choice([1, 4, 64, 512, 4096]), len(raw))
    other = rng.randrange(len(raw) - size + 1)
    end = min(start + size, len(raw))
    kind = rng.randrange(8)
    if kind == 0:
        return raw[:start]
    if kind == 1:
        return raw + rng.randbytes(size)
    if kind == 2:
        return raw[:start] + bytes(end - start) + raw[end:]
    if kind == 3:
        return raw[:start] + b"\xff" * (end - start) + raw[end:]
    if kind == 4:
        return raw[:start] + rng.randbytes(end - start) + raw[end:]
    if kind == 5:
        return raw[:start] + raw[other : other + end - start] + raw[end:]
    if kind == 6:
        return raw[:start] + raw[end:]
    return raw[:start] + rng.randbytes(size) + raw[start:]


@pytest.mark.parametrize("number", [400, pytest.param(20_000, marks=pytest.mark.long)])
def test_b1_random_mutations_are_refused(number, record_property):
    rng, slowest, changed = random.Random(number), 0.0, 0
    files = [to_bytes(make().state) for make in (single, sets, large)]
    for trial in range(number):
        raw = files[trial % len(files)]
        damaged = mutated(raw, rng)
        if damaged != raw:
            start = time.process_time()
            assert refused(damaged), trial
            slowest, changed = max(slowest, time.process_time() - start), changed + 1
    assert changed > 0.9 * number
    assert slowest < 1, "of this process's own time; a refusal takes one digest, under 0.01 s"
    record_property("slowest refusal, s", float(slowest))


@settings(deadline=None)
@given(st.binary() | st.binary().map(lambda rest: MAGIC + rest))
def test_any_bytes_are_refused(raw):
    with pytest.raises(sa.StateError):
        from_bytes(raw)


@pytest.mark.parametrize("what", [None, "text", 7, [1, 2]])
def test_what_is_no_bytes_is_refused(what):
    with pytest.raises(TypeError):
        from_bytes(what)


def test_buffers_are_bytes_too():
    raw = to_bytes(single().state)
    for held in (bytearray(raw), memoryview(raw), pa.py_buffer(raw), np.frombuffer(raw, np.uint8)):
        assert from_bytes(held).rows == 10
    assert from_bytes(memoryview(b"x" + raw)[1:]).rows == 10


def test_the_state_does_not_change_with_the_buffer_it_came_from():
    raw = bytearray(to_bytes(single().state))
    state = from_bytes(raw)
    raw[:] = bytes(len(raw))
    assert to_bytes(state) == to_bytes(single().state)


def test_messages_name_what_is_wrong():
    raw = to_bytes(single().state)
    for data, words in {
        b"PK\x03\x04": "these bytes: no streamavg state",
        raw[:50]: "less than its head",
        raw[:-1]: f"{len(raw) - 1:,} bytes, its head says {len(raw):,}",
        raw[:-1] + b"\0": "does not match its digest",
    }.items():
        with pytest.raises(sa.StateError, match=words) as caught:
            from_bytes(data)
        assert caught.value.damaged


# ---- contents that nobody counted, under a right digest


def sealed(meta, body, fields=None, /, **lengths):
    """A state file of these parts whose digest is right."""
    fields = list(fields or (MAGIC, 1, 1, 0, 0, 0, 0, bytes(16)))
    fields[5:7] = lengths.get("meta", len(meta)), lengths.get("body", len(body))
    head = HEAD.pack(*fields, lengths.get("reserved", 0))
    return head + hashlib.sha256(head + meta + body).digest() + meta + body


def body_of(batch, compression=None):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def forged(snap, change_meta=None, columns=None, meta_text=None, compression=None):
    """The file of a snapshot with its metadata or some columns replaced, and a digest that is right."""
    _, raw_meta, body = taken(to_bytes(snap.state))
    meta = json.loads(raw_meta)
    if change_meta is not None:
        change_meta(meta)
    batch = pa.ipc.open_file(body).get_batch(0)
    held = {name: batch[name] for name in batch.schema.names}
    for name, values in (columns or {}).items():
        held[name] = values if isinstance(values, pa.Array) and len(values) == 1 else listed(values)
    text = json.dumps(meta) if meta_text is None else meta_text
    return sealed(text.encode() if isinstance(text, str) else text, body_of(pa.record_batch(held), compression))


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
    "signed, although nothing is negative": {"signed": True},
    "signed, number": {"signed": 0},
    "sources, list": {"sources": []},
    "sources, null": {"sources": None},
    "pairs, lost but there": {"pairs": False},
    "rows, of 5000 digits": {"rows": 10**4000},
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
    "labels, declared here too": {"labels": ["a", "b"]},
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


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "7", '"x"', "{}", "[" * 100_000, '{"a":' * 100_000, '{"rows": NaN}', b"\xff\xfe"]
)
def test_metadata_that_is_no_object_is_refused(text):
    with pytest.raises(sa.StateError):
        from_bytes(forged(single(), meta_text=text))


WRONG_COLUMNS = {
    "declared, twice": {"declared": ["a", "a"]},
    "declared, numbers": {"declared": [1, 2]},
    "declared, null": {"declared": ["a", None]},
    "declared, bytes": {"declared": pa.array([b"a"], pa.large_binary())},
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
    "pairs, other than the cells": {"pair_count": [1, 3, 2, 4]},
    "pairs, a key twice": {"pair_key": [1, 1, 2, 1 << 32], "pair_count": [1, 1, 2, 6]},
    "pairs, a count of zero": {"pair_count": [3, 1, 6, 0]},
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
    with pytest.raises((sa.StateError, sa.InputError)):
        sa.from_bytes(forged(sets(), columns=WRONG_SETS[name])).metrics()


def test_b11_labels_counted_but_not_declared_are_refused():
    def close(meta):
        meta["config"]["unknown"] = "count"

    assert not refused(forged(single(), close))
    assert refused(forged(single(), close, {"declared": ["a"]}))


def test_missing_metadata_and_columns_are_refused():
    _, meta, good = taken(to_bytes(single().state))
    for body in (b"", b"not an Arrow file", single().to_bytes(), good[8:], good[:-6], b"ARROW1\0\0" + b"ARROW1"):
        assert refused(sealed(meta, body))
    batch = pa.ipc.open_file(good).get_batch(0)
    wrong = [pa.record_batch({"label": pa.array(["a"])}), batch.select(batch.schema.names[::-1]), batch.slice(0, 0)]
    wrong += [batch.replace_schema_metadata({"a": "b"}), batch.append_column("more", batch["tp"]), batch.select([])]
    for other in wrong:
        assert refused(sealed(meta, body_of(other)))
    assert not refused(sealed(meta, body_of(batch)))


def test_b11_two_batches_are_refused():
    _, meta, good = taken(to_bytes(single().state))
    batch = pa.ipc.open_file(good).get_batch(0)
    for batches in ([], [batch, batch]):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, batch.schema) as writer:
            for each in batches:
                writer.write_batch(each)
        assert refused(sealed(meta, sink.getvalue().to_pybytes()))


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_b11_compressed_bodies_are_refused_before_anything_is_allocated(codec):
    """64 MB of zeros are a few kilobytes in the file; Arrow would make them again, or whatever length is forged."""
    bomb = forged(single(), columns={"tp": np_zeros(8 << 20)}, compression=codec)
    assert len(bomb) < 1 << 20
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(sa.StateError, match="compressed"):
        from_bytes(bomb)
    assert pa.default_memory_pool().max_memory() - before < 1 << 20
    assert refused(forged(single(), compression=codec))


def np_zeros(number):
    return pa.LargeListArray.from_arrays(pa.array([0, number]), pa.array(np.zeros(number, np.int64)))


WRONG_LENGTHS = [
    {"meta": 2**64 - 1},
    {"body": 2**64 - 1},
    {"meta": 2**63, "body": 2**63},
    {"meta": wire.MOST_META + 1},
    {"body": wire.MOST_BODY + 1},
    {"meta": 0},
    {"body": 0},
    {"meta": 64, "body": 0},
]


@pytest.mark.parametrize("lengths", WRONG_LENGTHS, ids=str)
def test_b11_lengths_that_do_not_add_up_are_refused(lengths):
    _, meta, body = taken(to_bytes(single().state))
    assert refused(sealed(meta, body, **lengths))


def test_b11_lengths_that_wrap_to_the_right_sum_are_refused():
    _, meta, body = taken(to_bytes(single().state))
    assert refused(sealed(meta, body, meta=len(meta) + 2**63, body=(len(body) - 2**63) % 2**64))
    assert refused(sealed(meta, body, meta=len(meta) + 64, body=len(body) - 64)), "cut at another place"


def test_b3_a_newer_format_is_named():
    fields, meta, body = taken(to_bytes(single().state))
    about = json.loads(meta) | {"streamavg": "9.8", "pairs": "something new"}
    newer = sealed(json.dumps(about).encode(), b"a body of the future", [MAGIC, 7, 5, *fields[3:]])
    with pytest.raises(sa.StateError, match=r"written by streamavg 9\.8, format 7; this one reads <= 1") as caught:
        from_bytes(newer)
    assert not caught.value.damaged
    assert not refused(sealed(meta, body, [MAGIC, 7, 1, *fields[3:]])), "a newer one that old readers can read"
    with pytest.raises(sa.StateError, match=r"format 1 with flags 0x4"):
        from_bytes(sealed(meta, body, [MAGIC, 1, 1, 4, *fields[4:]]))
    for number, reserved in ((0, 0), (1, 1)):
        assert refused(sealed(meta, body, [MAGIC, number, 1, *fields[3:]], reserved=reserved))


def test_a_field_that_a_newer_one_added_is_passed_over():
    assert from_bytes(forged(single(), lambda meta: meta.update(more={"x": [1]}))).rows == 10


def test_b11_a_field_given_twice_is_refused():
    meta = taken(to_bytes(single().state))[1].decode().rstrip()
    assert refused(forged(single(), meta_text=meta[:-1] + ',"rows":10}'))
    assert not refused(forged(single(), meta_text=meta))


def test_b11_a_huge_count_of_labels_is_refused():
    """A list that says it has 2**40 elements, over a few bytes."""
    _, meta, good = taken(to_bytes(single().state))
    raw = bytearray(good)
    place = raw.find(struct.pack("<qq", 0, 2))
    count = 0
    while place >= 0:
        other = bytearray(raw)
        other[place : place + 16] = struct.pack("<qq", 0, 2**40)
        assert refused(sealed(meta, bytes(other)))
        place, count = raw.find(struct.pack("<qq", 0, 2), place + 1), count + 1
    assert count >= 5


def test_a_sealed_body_cut_anywhere_is_refused():
    """The digest is right, the Arrow file is not: Arrow's own errors must not get out."""
    _, meta, body = taken(to_bytes(single().state))
    assert all(refused(sealed(meta, body[:size])) for size in range(0, len(body), 3))


FLIPS = """
import random, sys
import streamavg as sa
from streamavg.checkpoint.wire import from_bytes, to_bytes
from tests.checkpoint.test_wire import sealed, single, sets, taken
random.seed(int(sys.argv[1]))
for trial in range(int(sys.argv[2])):
    _, meta, body = taken(to_bytes((single, sets)[trial % 2]().state))
    damaged = [bytearray(meta), bytearray(body)]
    which = damaged[random.random() < 0.9]
    for _ in range(random.choice([1, 1, 8])):
        place = random.randrange(8 * len(which))
        which[place // 8] ^= 1 << place % 8
    try:
        from_bytes(sealed(*map(bytes, damaged)))
    except sa.StateError:
        pass
"""


@pytest.mark.parametrize(("seed", "number"), [(1, 1500), pytest.param(2, 20_000, marks=pytest.mark.long)])
def test_bit_flips_under_a_right_digest_do_not_crash(seed, number):
    """In a process of its own, since a crash inside Arrow's reader would take the tests with it."""
    command = [sys.executable, "-c", FLIPS, str(seed), str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")


# ---- it is never code

UNSAFE = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}


def unsafe_uses(tree):
    """What in the source of the package could run code from a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            yield from (name for name in names if name.partition(".")[0] in UNSAFE)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in ("eval", "exec", "compile", "__import__") or called.endswith(("yaml.load", "torch.load")):
                yield called
            yield from (ast.unparse(word) for word in node.keywords if word.arg == "allow_pickle")


def test_b12_the_package_has_nothing_that_runs_what_it_reads():
    home = Path(sa.__file__).parent
    found = {path.name: list(unsafe_uses(ast.parse(path.read_text()))) for path in home.rglob("*.py")}
    assert {name: uses for name, uses in found.items() if uses} == {}
    text = "import pickle\nfrom marshal import loads\neval('1')\nnp.load(f, allow_pickle=True)\nyaml.load(f)\n"
    assert len(list(unsafe_uses(ast.parse(text)))) == 5, "the scan sees what it is there to see"


def test_b12_a_pickle_is_not_opened(tmp_path):
    """A payload that would leave a file behind, as bytes, as a file, as metadata and as body."""
    canary = tmp_path / "canary"
    payload = f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode()
    path = tmp_path / "state.sav"
    path.write_bytes(payload)
    for read in (lambda: sa.from_bytes(payload), lambda: sa.load(path)):
        with pytest.raises(sa.StateError):
            read()
    _, meta, body = taken(to_bytes(single().state))
    assert refused(sealed(payload, body))
    assert refused(sealed(meta, payload))
    assert not canary.exists()


# ---- older files

DATA = Path(__file__).parent / "data"
GOLDEN = {  # made by scripts/golden.py with the release that wrote them; what they hold is written out here
    "state_v1.sav": (["cat", "dog"], [[8, 1, 2, 9], [9, 2, 1, 8]], 20, {}, {}),
    "state_v1_binary.sav": (["no", "yes"], [[3, 2, 1, 4], [4, 1, 2, 3]], 10, {}, {}),
    "state_v1_declared.sav": (
        ["b", "a"],
        [[0, 0, 1, 2], [1, 0, 1, 1]],
        3,
        {"null_true": 1, "unknown_true": 1},
        {"other": 1, "unanswered": 1},
    ),
    "state_v1_sets.sav": (["a", "b", "c"], [[1, 0, 1, 1], [0, 0, 1, 2], [0, 1, 0, 2]], 3, {}, {"unanswered": 1}),
    "state_v1_signed.sav": (["cat", "dog"], [[-8, -1, -2, -9], [-9, -2, -1, -8]], -20, {}, {}),
    "state_v1_numbers.sav": ([7, 10, -3], [[2, 8, 0, 13], [1, 5, 1, 16], [1, 3, 2, 17]], 23, {}, {}),
    "state_v1_empty.sav": ([], [], 0, {}, {}),
}
FINGERPRINTS = {
    "state_v1.sav": "sa1:b83ce11056dc55b20d22f7447e81bcd2b46ca118de16d2e3b637f083ec14bed8",
    "state_v1_binary.sav": "sa1:c875c68d49b84ef04e3edcfa378f5346365b861a4f80181d7e41a3d7a6ef3ce8",
    "state_v1_declared.sav": "sa1:690d13dce9cf849e22d3d72057932ec173e2453e245dfdf4d575c177f9411918",
    "state_v1_sets.sav": "sa1:43d6bcb25a956b605663aebecde01daac7f540a60aa3cf4ac0595d74131ea0ea",
    "state_v1_signed.sav": "sa1:9a8da464367a2281c576a0625d841addf05ce4e80884745cf4ec22e4a8accfa9",
    "state_v1_numbers.sav": "sa1:757032419121042abb1c7006d52cf66dff6baa9a50a7d29cdb00581616707df6",
    "state_v1_empty.sav": "sa1:89e0581d71af1a5e50761fe889d70216cc5c26da26664de74f048adf06c24d3e",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_b4_golden_files_of_every_format_load(name):
    snap = sa.load(DATA / name)
    held = (snap.labels, snap.matrix.tolist(), snap.rows, snap.skipped, snap.tallies)
    assert held == GOLDEN[name]
    assert snap.fingerprint() == FINGERPRINTS[name]


def test_b4_the_golden_sources():
    found = unpack((DATA / "state_v1.sav").read_bytes())
    assert found.sources == {"preds.parquet": {"done": True, "rows": 20}}
    assert (found.lineage, found.sequence, found.format) == (bytes(range(16)), 3, 1)


def test_b4_every_golden_file_is_tested():
    assert {path.name for path in DATA.glob("*.sav")} == GOLDEN.keys()


def test_b16_numbers_are_little_endian():
    _, _, body = taken((DATA / "state_v1.sav").read_bytes())
    assert struct.pack("<qq", 8, 9) in body
