"""Batches: record batches of any columns as bytes and back, as safely as a state; for what waits beside the counts."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from streamavg.checkpoint.body import is_compressed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

_LENGTH = struct.Struct("<Q")
MOST = 1 << 16  # batches
_ALIGNED = 64


def as_bytes(batches: Sequence[pa.RecordBatch]) -> bytes:
    """Arrow streams of one batch each, one after the other with their lengths; dictionaries become what they say."""
    import pyarrow as pa

    parts = [_LENGTH.pack(len(batches))]
    for batch in batches:
        plain = pa.RecordBatch.from_arrays(list(map(_plain, batch.columns)), names=batch.schema.names)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, plain.schema) as writer:
            writer.write_batch(plain)
        data = sink.getvalue()
        parts += [
            _LENGTH.pack(data.size),
            b" " * (-(sum(map(len, parts)) + _LENGTH.size) % _ALIGNED),
            data.to_pybytes(),
        ]
    return b"".join(parts)


def _plain(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def from_bytes(data: bytes | memoryview) -> list[pa.RecordBatch]:
    """The batches that `as_bytes` wrote, each fully validated; ValueError or an Arrow error for anything else.

    The digest of the file was verified before; what a forger signed still must not reach Arrow's decompression.
    """
    view, at, batches = memoryview(data).cast("B"), _LENGTH.size, []
    count = _length(view, 0)
    if count > MOST:
        raise ValueError(f"{count} batches wait; at most {MOST} can")
    for _ in range(count):
        size = _length(view, at)
        at += _LENGTH.size
        at += -at % _ALIGNED
        if size > len(view) - at:
            raise ValueError("a batch that waits is cut")
        batches.append(_batch(view[at : at + size]))
        at += size
    if at != len(view):
        raise ValueError("bytes follow the batches that wait")
    return batches


def _length(view: memoryview, at: int) -> int:
    if len(view) < at + _LENGTH.size:
        raise ValueError("what waits is cut")
    return int(_LENGTH.unpack(view[at : at + _LENGTH.size])[0])


def _batch(data: memoryview) -> pa.RecordBatch:
    import pyarrow as pa

    messages = pa.ipc.MessageReader.open_stream(pa.py_buffer(data))
    first, second = messages.read_next_message(), messages.read_next_message()
    if (first.type, second.type) != ("schema", "record batch") or is_compressed(bytes(second.metadata)):
        raise ValueError(f"a {first.type} and a {second.type} wait, or a batch that is compressed")
    schema = pa.ipc.read_schema(first)
    if any(_is_odd(field.type) for field in schema):
        raise ValueError("a batch waits with a column of a type that is never saved")
    batch = pa.ipc.read_record_batch(second, schema)
    batch.validate(full=True)
    return batch


def _is_odd(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind) or pa.types.is_union(kind) or isinstance(kind, pa.BaseExtensionType):
        return True
    return any(_is_odd(kind.field(i).type) for i in range(kind.num_fields))
