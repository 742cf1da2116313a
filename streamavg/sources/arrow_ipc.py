"""Arrow IPC, files and streams, told apart by their first bytes; a stream that was cut off is noticed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.errors import InputError
from streamavg.position import END, Span, covers
from streamavg.sources.faults import reading
from streamavg.sources.unit import Column, Layout, Piece, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamavg.position import Ranges
    from streamavg.sources.file import File

UNIT_BYTES = 1 << 24  # the footer does not say how many rows a batch has: 16 MiB are 1 M rows of two text columns
SLICE_ROWS = 1 << 20  # a batch of a billion rows is handed on in parts, so that Ctrl-C and progress get their turn
_MARKER_SIZES = (4, 8)  # end-of-stream is FFFFFFFF 00000000, before Arrow 0.15 it was 00000000


def open_arrow(file: File) -> Layout:
    """The columns of a file or stream. Raises InputError for damage, Feather V1 and an IPC file on standard input."""
    with reading(file.shown, "Arrow IPC"):
        magic = file.peek(6)
        if magic.startswith(b"FEA1"):
            raise InputError(
                f"{file.shown}: Feather V1, which holds no Arrow IPC; read it with pyarrow.feather, write it again"
            )
        if magic == b"ARROW1":
            return _open_file(file)
        with file.stream(last=False) as handle, pa.ipc.open_stream(handle) as stream:
            return Layout(_columns(stream.schema), partial(_stream_units, file, stream.schema))


def _open_file(file: File) -> Layout:
    if file.pipe is not None:
        raise InputError(f"{file.shown}: an Arrow file must be read at any position; pass its name, or pipe a stream")
    with file.random() as handle, pa.ipc.open_file(handle) as reader:
        units = partial(_file_units, file, reader.schema, reader.num_record_batches)
        return Layout(_columns(reader.schema), units, has_spans=True)


def _columns(schema: pa.Schema) -> list[Column]:
    return [Column(field.name, field.type) for field in schema]


def _options(schema: pa.Schema, names: list[str]) -> Any:
    """Only the chosen columns, and no pool of threads: units are read side by side already."""
    return pa.ipc.IpcReadOptions(included_fields=[schema.get_field_index(name) for name in names], use_threads=False)


def _stream_units(file: File, schema: pa.Schema, names: list[str], done: Ranges | None = None) -> list[Unit]:
    return [Unit(file.shown, file.size, None, partial(_read_stream, file, schema, names))]


def _file_units(
    file: File, schema: pa.Schema, batches: int, names: list[str], done: Ranges | None = None
) -> list[Unit]:
    """Runs of record batches of about UNIT_BYTES each; those `done` are left out."""
    run = max(1, UNIT_BYTES * batches // max(file.size, 1))
    left = [i for i in range(batches) if not covers(done or (), (i, 0), (i + 1, 0))]
    return [
        Unit(file.shown, file.size * len(part) // batches, None, partial(_read_file, file, schema, part, names))
        for part in (left[start : start + run] for start in range(0, len(left), run))
    ]


def _read_file(file: File, schema: pa.Schema, part: list[int], names: list[str]) -> Iterator[Piece]:
    with reading(file.shown, "Arrow IPC"), file.random() as handle:  # never mapped: a truncation would be SIGBUS
        reader = pa.ipc.open_file(handle, options=_options(schema, names))
        for i in part:
            after = END if i + 1 == reader.num_record_batches else (i + 1, 0)
            batch, row = reader.get_batch(i), 0
            for piece in _pieces(batch):
                rows = piece.batch.num_rows
                yield piece._replace(
                    spans=(Span(i, row, rows, after if row + rows == len(batch) else (i, row + rows)),)
                )
                row += rows
    file.refuse_change()


def _read_stream(file: File, schema: pa.Schema, names: list[str]) -> Iterator[Piece]:
    # a handle for any position, because pyarrow gives the position of no other
    with reading(file.shown, "Arrow IPC"), file.random() if file.can_seek else file.stream() as handle:
        stream = pa.ipc.open_stream(handle, options=_options(schema, names))
        while True:
            before = handle.tell()
            try:
                batch = stream.read_next_batch()
            except StopIteration:
                break
            yield from _pieces(batch)
        _refuse_cut(file, handle, handle.tell() - before)
    file.refuse_change()


def _refuse_cut(file: File, handle: Any, marker: int) -> None:
    """Raise InputError if the stream stopped without its marker, of which pyarrow says nothing, or goes on after it."""
    if marker not in _MARKER_SIZES:
        raise InputError(
            f"{file.shown}: ends without the end-of-stream marker; the writer was cut off, so let it close the stream"
        )
    if handle.read(1):
        raise InputError(
            f"{file.shown}: more bytes follow the end-of-stream marker; give streams that were joined as separate files"
        )


def _pieces(batch: pa.RecordBatch) -> Iterator[Piece]:
    """A batch in parts, checked first: forged lengths, offsets and codes would be believed by whoever comes next."""
    batch.validate(full=True)  # 0.002 ns a number, 0.9 a dictionary code, 3.5 a string
    for start in range(0, max(batch.num_rows, 1), SLICE_ROWS):
        yield Piece(batch.slice(start, SLICE_ROWS))
