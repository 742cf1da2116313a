"""Batches as bytes and back, and what a forger could send instead."""

from __future__ import annotations

import pyarrow as pa
import pytest

from streamavg.checkpoint.batches import as_bytes, from_bytes

BATCHES = [
    pa.record_batch({"a": [1, None], "b": ["x", "y"], "c": [[1.0], None]}),
    pa.record_batch({"": pa.array([], pa.int64())}),
    pa.record_batch({"s": pa.array([{"k": [True]}])}),
]


def test_round_trip():
    assert from_bytes(as_bytes(BATCHES)) == BATCHES
    assert from_bytes(as_bytes([])) == []
    coded = pa.record_batch({"d": pa.array(["x", "y", "x"]).dictionary_encode()})
    assert from_bytes(as_bytes([coded]))[0].to_pydict() == {"d": ["x", "y", "x"]}


def signed(batch, **options):
    """One stream in the container, as a forger would write it."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_batch(batch)
    data = sink.getvalue().to_pybytes()
    return (1).to_bytes(8, "little") + len(data).to_bytes(8, "little") + b" " * 48 + data


FORGED = {
    "nothing": b"",
    "a count alone": (3).to_bytes(8, "little"),
    "too many": (1 << 40).to_bytes(8, "little"),
    "cut": as_bytes(BATCHES)[:-9],
    "longer": as_bytes(BATCHES) + b"x",
    "compressed": signed(pa.record_batch({"x": ["a" * 1000] * 10}), compression="zstd"),
    "a dictionary": signed(pa.record_batch({"x": pa.array(["a"]).dictionary_encode()})),
    "no stream": (1).to_bytes(8, "little") + (8).to_bytes(8, "little") + b" " * 48 + b"12345678",
}


@pytest.mark.parametrize("name", FORGED)
def test_anything_else_is_refused(name):
    assert from_bytes(signed(BATCHES[0])) == BATCHES[:1], "the forger's container is the right one"
    with pytest.raises((ValueError, OSError, StopIteration)):
        from_bytes(FORGED[name])
