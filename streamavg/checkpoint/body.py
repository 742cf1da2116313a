"""Body: the labels and counts of a state as an Arrow IPC file of one row, each column a list; not compressed."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.checkpoint.parts import column_names, columns_of, held_parts

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from streamavg.state.state import State

TEXTS = ("declared", "label", "pair_label")
NUMBERS = ("tp", "fp", "fn", "row_key", "row_count", "pair_key", "pair_count")
_HEAD, _FOOT = b"ARROW1\x00\x00", b"ARROW1"


def schema(parts: Iterable[str] = ()) -> pa.Schema:
    """The one schema of a body: labels with their cells, the row table, the pairs; more columns for each part named."""
    import pyarrow as pa

    kinds = {**dict.fromkeys(TEXTS, pa.large_string()), **dict.fromkeys(NUMBERS, pa.int64())}
    kinds |= {name: pa.large_string() if is_text else pa.int64() for name, is_text in column_names(parts).items()}
    return pa.schema([pa.field(name, pa.large_list(kind)) for name, kind in kinds.items()])


def arrow_file(state: State) -> bytes:
    """The Arrow file of a state; equal states give equal bytes."""
    import pyarrow as pa

    pairs = state.pairs
    nothing = np.empty(0, np.int64)
    held: dict[str, Any] = {
        "declared": state.config.labels,
        "label": state.counts.labels,
        "pair_label": pairs.labels if pairs else (),
        **{name: state.counts.cells[:, k] for k, name in enumerate(("tp", "fp", "fn"))},
        "row_key": state.row_table.keys,
        "row_count": state.row_table.counts,
        "pair_key": pairs.table.keys if pairs else nothing,
        "pair_count": pairs.table.counts if pairs else nothing,
    }
    held |= columns_of(state)
    kinds = schema(held_parts(state))
    columns = [
        pa.LargeListArray.from_arrays(
            pa.array([0, len(held[field.name])]), pa.array(held[field.name], field.type.value_type)
        )
        for field in kinds
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, kinds) as writer:
        writer.write_batch(pa.record_batch(columns, schema=kinds))
    return bytes(sink.getvalue().to_pybytes())


def batch_of(body: memoryview, parts: Iterable[str] = ()) -> pa.RecordBatch:
    """The one record batch of an Arrow file, fully validated; ValueError or an Arrow error if it is another thing.

    parts: those that its state has beside counts and pairs, as the metadata says.

    Read as the stream that every Arrow file holds, message by message, so that a compressed one is refused before
    Arrow allocates what a forged length says.
    """
    import pyarrow as pa

    if body[: len(_HEAD)] != _HEAD or body[-len(_FOOT) :] != _FOOT:
        raise ValueError("the body is no Arrow file")
    messages = pa.ipc.MessageReader.open_stream(pa.py_buffer(body).slice(len(_HEAD)))
    first = messages.read_next_message()
    if first.type != "schema":
        raise ValueError(f"the body begins with a {first.type}")
    found, wanted = pa.ipc.read_schema(first), schema(parts)
    if not found.equals(wanted, check_metadata=True):
        raise ValueError(f"the columns are {_listed(found)}, not {_listed(wanted)}")
    second = messages.read_next_message()
    if second.type != "record batch" or is_compressed(bytes(second.metadata)):
        raise ValueError(f"the body holds a {second.type}, or one that is compressed")
    batch = pa.ipc.read_record_batch(second, found)
    batch.validate(full=True)
    if batch.num_rows != 1 or any(column.null_count or column.flatten().null_count for column in batch):
        raise ValueError(f"the columns have {batch.num_rows} rows, or nulls")
    _require_end(messages)
    return batch


def _require_end(messages: Any) -> None:
    try:
        more = messages.read_next_message()
    except StopIteration:
        return
    raise ValueError(f"the body goes on with a {more.type}")


def _listed(found: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in found)


def is_compressed(message: bytes) -> bool:
    """Whether the record batch of a message says that its buffers are compressed.

    pyarrow does not tell before it decompresses, so this follows the flatbuffer: the message's third field is the
    record batch, whose fourth is the compression (https://github.com/apache/arrow/blob/main/format/Message.fbs).
    """

    def follow(place: int) -> int:
        return place + int(struct.unpack_from("<I", message, place)[0])

    def field(table: int, number: int) -> int:
        """The place of a field of a table, 0 if the table leaves it out."""
        fields = table - int(struct.unpack_from("<i", message, table)[0])
        slot = 4 + 2 * number
        (size,) = struct.unpack_from("<H", message, fields)
        offset = int(struct.unpack_from("<H", message, fields + slot)[0]) if slot < size else 0
        return table + offset if offset else 0

    batch = field(follow(0), 2)
    return not batch or bool(field(follow(batch), 3))
