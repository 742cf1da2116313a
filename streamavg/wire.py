"""Wire: a state as bytes and back, an Arrow IPC stream behind a SHA-256, for process pools and pickling."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from operator import mul
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.errors import InputError
from streamavg.state.config import Config
from streamavg.state.counts import Counts
from streamavg.state.pairs import Pairs
from streamavg.state.rowtable import unpack
from streamavg.state.state import CAUSES, TALLIES, State
from streamavg.state.tables import KeyTable, checked_add, checked_int, exact_sum

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = b"streamavg state 1\r\n\x1a\n\x00\x00\x00"
_HEAD = len(MAGIC) + 32
_UNREADABLE = (LookupError, TypeError, ValueError, OverflowError, StopIteration, OSError, RecursionError)


def to_bytes(state: State) -> bytes:
    """The state as bytes: MAGIC, SHA-256 of the rest, Arrow IPC stream of three tables in one schema.

    The digest is verified before Arrow sees a byte: its reader trusts offsets, and 5 to 10 % of damaged streams
    killed the process (https://arrow.apache.org/docs/format/Security.html).
    """
    import pyarrow as pa

    meta = {
        "config": asdict(state.config),
        "rows": state.rows,
        "skipped": dict(state.skipped),
        "tallies": dict(state.tallies),
    }
    pairs = state.pairs
    tables = {
        "label": pa.array(state.counts.labels, pa.large_string()),
        **{name: pa.array(state.counts.cells[:, k]) for k, name in enumerate(("tp", "fp", "fn"))},
        "row_key": pa.array(state.row_table.keys),
        "row_count": pa.array(state.row_table.counts),
        "pair_label": pa.array(pairs.labels if pairs else (), pa.large_string()),
        "pair_key": pa.array(pairs.table.keys if pairs else np.empty(0, np.int64)),
        "pair_count": pa.array(pairs.table.counts if pairs else np.empty(0, np.int64)),
    }
    columns = {name: pa.LargeListArray.from_arrays(pa.array([0, len(held)]), held) for name, held in tables.items()}
    meta["pairs"] = pairs is not None
    batch = pa.record_batch(columns).replace_schema_metadata({"streamavg": json.dumps(meta)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    body = sink.getvalue().to_pybytes()
    return MAGIC + hashlib.sha256(body).digest() + bytes(body)


def from_bytes(data: bytes) -> State:
    """The state behind these bytes; InputError if they are damaged, or hold what no counting can give."""
    import pyarrow as pa

    if data[: len(MAGIC)] != MAGIC:
        raise InputError("these bytes are not a streamavg state (they do not begin like one)")
    body = data[_HEAD:]
    if hashlib.sha256(body).digest() != data[len(MAGIC) : _HEAD]:
        raise InputError("these bytes are a damaged streamavg state (the digest does not match)")
    try:
        with pa.ipc.open_stream(body) as reader:
            batch = reader.read_next_batch()
        batch.validate(full=True)
        state = _state_of(batch)
        _check(state)
    except (*_UNREADABLE, pa.ArrowException) as error:
        raise InputError(f"these bytes are no streamavg state: {error}") from None
    return state


def _state_of(batch: pa.RecordBatch) -> State:
    meta = _of_type(json.loads(batch.schema.metadata[b"streamavg"]), dict)
    pairs = Pairs(_texts(batch, "pair_label"), _table(batch, "pair"))
    if pairs.table.keys.size and max(codes.max() for codes in pairs.codes()) >= len(pairs.labels):
        raise ValueError("a pair is outside its labels")
    labels = _texts(batch, "label")
    if len(labels) != len(_numbers(batch, "tp")):
        raise ValueError("labels and cells differ in number")
    return State(
        _config(meta["config"]),
        Counts.of(labels, np.stack([_numbers(batch, name) for name in ("tp", "fp", "fn")], axis=1)),
        _whole(meta["rows"]),
        _named(meta["skipped"], CAUSES),
        _named(meta["tallies"], TALLIES),
        _table(batch, "row"),
        pairs if _of_type(meta["pairs"], bool) else None,
    )


def _column(batch: pa.RecordBatch, name: str, kind: pa.DataType) -> pa.Array:
    import pyarrow as pa

    found = batch[name]
    if found.type != pa.large_list(kind) or len(found) != 1 or found.null_count or found.flatten().null_count:
        raise ValueError(f"{name} is {found.type}")
    return found.flatten()


def _texts(batch: pa.RecordBatch, name: str) -> tuple[str, ...]:
    import pyarrow as pa

    found = tuple(_column(batch, name, pa.large_string()).to_pylist())
    if list(found) != sorted(set(found)):
        raise ValueError(f"{name} is not ascending and unique")
    return found


def _numbers(batch: pa.RecordBatch, name: str) -> Any:
    import pyarrow as pa

    return _column(batch, name, pa.int64()).to_numpy()


def _table(batch: pa.RecordBatch, prefix: str) -> KeyTable:
    keys, counts = _numbers(batch, f"{prefix}_key"), _numbers(batch, f"{prefix}_count")
    if len(keys) != len(counts) or (keys < 0).any():
        raise ValueError(f"{prefix}_key and {prefix}_count do not pair up")
    return KeyTable.of(keys, counts)


def _of_type(value: Any, kind: type) -> Any:
    """The value, if it has exactly this type: in JSON, true is no number and 1.0 no integer."""
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind.__name__}")
    return value


def _whole(value: Any) -> int:
    return checked_int(_of_type(value, int))


def _named(found: Any, known: tuple[str, ...]) -> dict[str, int]:
    if not _of_type(found, dict).keys() <= set(known):
        raise ValueError(f"unknown counters {sorted(found.keys() - set(known))}")
    counters = {name: _whole(count) for name, count in sorted(found.items())}
    return {name: count for name, count in counters.items() if count}


def _config(found: Any) -> Config:
    if _of_type(found, dict).keys() != {field.name for field in fields(Config)}:
        raise ValueError(f"unknown options {sorted(found)}")
    labels = tuple(_of_type(found["labels"], list))
    for text in (*labels, *((found["pos_label"],) if found["pos_label"] is not None else ())):
        _of_type(text, str).encode("utf-8")
    if len(set(labels)) < len(labels):
        raise ValueError("labels names a label twice")
    _of_type(found["samples"], bool)
    config = Config(**{**found, "labels": labels}).checked()
    multilabel = config.task == "multilabel"
    if (config.task == "binary") != (config.pos_label is not None) or not (config.samples or multilabel):
        raise ValueError("the options do not suit the task")
    return config


def _check(state: State) -> None:
    """ValueError if the parts of a state do not belong together."""
    state.check_binary()
    state.check_identities()
    checked_int(state.seen)
    multilabel, cells = state.config.task == "multilabel", state.counts.cells
    if state.config.task is None and (state.rows or state.counts.labels):
        raise ValueError("rows were counted but the task is undecided")
    if state.config.unknown != "grow" and not set(state.counts.labels) <= set(state.config.labels):
        raise ValueError("labels were counted that are not declared")
    checked_add(checked_add(cells[:, 0], cells[:, 2]), cells[:, 1])  # so that no TN wraps
    both, predicted, true = unpack(state.row_table).T
    if (both > np.minimum(predicted, true)).any() or (both.size and not multilabel):
        raise ValueError("the row table holds rows that cannot be")
    if multilabel and state.config.samples:
        tp, fp, fn = (exact_sum(cells[:, k]) for k in range(3))
        expected = [state.rows, tp, tp + fp + state.tallies.get("other", 0), tp + fn]
        counts = state.row_table.counts.tolist()
        held = [sum(counts), *(sum(map(mul, sizes.tolist(), counts)) for sizes in (both, predicted, true))]
        if held != expected:
            raise ValueError("the row table does not hold the rows that the cells do")
