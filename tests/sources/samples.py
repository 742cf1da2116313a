"""One small table of labels, written by hand and by the plainest means into every format, and read back as texts."""

from __future__ import annotations

import bz2
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from streamavg.errors import InputError
from streamavg.sources import open_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from streamavg.sources import Piece, Unit

    Row = tuple[str | None, str | None]

ROWS: list[Row] = [("en", "en"), ("de", None), ("", "NA"), ("007", "null"), ("zh", 'q"uo,te'), ("né", "two\nlines")]


def choose(names: Sequence[str]) -> list[str]:
    """The two columns of the table."""
    if missing := {"y_true", "y_pred"} - set(names):
        raise InputError(f"column {missing} is missing")
    return ["y_true", "y_pred"]


def table(rows: Sequence[Row] = ROWS) -> pa.Table:
    """The rows in an Arrow table, in the other order and with a column that nobody asks for."""
    return pa.table(
        {
            "id": pa.array(range(len(rows)), pa.int64()),
            "y_pred": pa.array([pred for _, pred in rows], pa.string()),
            "y_true": pa.array([true for true, _ in rows], pa.string()),
        }
    )


def parquet(rows: Sequence[Row] = ROWS, **options: Any) -> bytes:
    """The rows as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(table(rows), sink, **options)
    return sink.getvalue()


def arrow_file(rows: Sequence[Row] = ROWS) -> bytes:
    """The rows as an Arrow IPC file."""
    return _ipc(pa.ipc.new_file, rows)


def arrow_stream(rows: Sequence[Row] = ROWS) -> bytes:
    """The rows as an Arrow IPC stream, one batch a row."""
    return _ipc(pa.ipc.new_stream, rows)


def _ipc(opened: Callable[..., Any], rows: Sequence[Row]) -> bytes:
    sink = io.BytesIO()
    with opened(sink, table().schema) as writer:
        for batch in table(rows).to_batches(max_chunksize=1):
            writer.write_batch(batch)
    return sink.getvalue()


def delimited(rows: Sequence[Row] = ROWS, delimiter: str = ",") -> bytes:
    """The rows as delimited text, labels quoted and nulls not, which the csv module writes only from Python 3.12 on."""
    lines = [delimiter.join(("id", "y_pred", "y_true"))]
    for i, row in enumerate(rows):
        true, pred = ("" if label is None else '"' + label.replace('"', '""') + '"' for label in row)
        lines.append(delimiter.join((str(i), pred, true)))
    return "".join(line + "\n" for line in lines).encode()


def jsonl(rows: Sequence[Row] = ROWS) -> bytes:
    """The rows by the json module."""
    lines = ({"id": i, "y_pred": pred, "y_true": true} for i, (true, pred) in enumerate(rows))
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


WRITERS: dict[str, Callable[..., bytes]] = {
    ".parquet": parquet,
    ".pq": parquet,
    ".arrow": arrow_file,
    ".ipc": arrow_file,
    ".feather": arrow_file,
    ".arrows": arrow_stream,
    ".csv": delimited,
    ".tsv": lambda rows=ROWS: delimited(rows, "\t"),
    ".jsonl": jsonl,
    ".ndjson": jsonl,
    ".json": jsonl,
}

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: _packed(data, "zstd"),
    ".lz4": lambda data: _packed(data, "lz4"),
    ".br": lambda data: _packed(data, "brotli"),
}


def _packed(data: bytes, codec: str) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def save(path: Path, rows: Sequence[Row] = ROWS) -> Path:
    """Write the rows to a path in the format of its suffixes; returns the path."""
    packing = path.suffix if path.suffix in PACKERS else ""
    writer = WRITERS[path.with_suffix("").suffix if packing else path.suffix]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PACKERS[packing](writer(rows)))
    return path


def text(value: Any) -> Any:
    """The identity of a label as DESIGN.md has it, lists as tuples."""
    if isinstance(value, list):
        return tuple(map(text, value))
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer()):
        return str(int(value))
    return value


def pieces(units: Iterable[Unit]) -> list[Piece]:
    """All pieces, each batch checked in full."""
    read = [piece for unit in units for piece in unit.read()]
    for piece in read:
        piece.batch.validate(full=True)
    return read


def read_rows(units: Iterable[Unit]) -> tuple[list[tuple[Any, ...]], int]:
    """The rows of all units as texts, and the number of malformed lines."""
    read = pieces(units)
    rows = [tuple(map(text, row.values())) for piece in read for row in piece.batch.to_pylist()]
    return rows, sum(piece.malformed for piece in read)


def rows_of(*sources: Any, **options: Any) -> list[tuple[Any, ...]]:
    """The rows behind sources, of which none may be malformed."""
    rows, malformed = read_rows(open_units(sources, options.pop("choose", choose), **options))
    assert malformed == 0
    return rows
