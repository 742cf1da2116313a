"""Payloads: the values of messages read as record batches, many at once: a line of text each, or an Arrow stream."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from streamavg.errors import InputError
from streamavg.sources.json_lines import BLANK
from streamavg.sources.lines import open_reader
from streamavg.sources.unit import Bad, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streamavg.sources.feed import Opening
    from streamavg.sources.lines import Reader
    from streamavg.sources.rejects import Rejects
    from streamavg.sources.unit import Choose

    Ints = NDArray[np.int64]

HEADED = ("csv", "tsv")  # a message has no line with names before it
_EMPTY = "empty"  # the cause of a message with nothing in it
_DAMAGED = "no_arrow"


class Payloads(NamedTuple):
    """Values of messages of one partition, called `name`, with their offsets."""

    name: str
    offsets: Ints
    values: Sequence[bytes]


class PayloadReader(Protocol):
    """Reads the values of messages."""

    def knows(self, values: Sequence[bytes], is_last: bool = False) -> bool:
        """Whether the columns are known, with these values looked at too; see `lines.Reader`."""

    def read(self, payloads: Payloads) -> Iterator[tuple[int, Piece]]:
        """Pieces in the order of the messages, each with the number of messages that it stands for."""

    def nothing(self) -> Piece:
        """A piece without rows."""


def open_payloads(opening: Opening) -> PayloadReader:
    """The reader of the messages of a topic: JSON, unless the opening says another format or has a pattern."""
    format_ = "pattern" if opening.pattern else opening.input_format or "jsonl"
    if format_ in HEADED:
        raise InputError(f"{format_}: messages have no header line; send JSON or Arrow, or name the fields: --pattern")
    if format_ == "arrow":
        return ArrowPayloads(opening.choose, opening.rejects)
    return LinePayloads(open_reader(format_, opening.choose, opening.pattern), format_ == "jsonl", opening.rejects)


class LinePayloads:
    """Reads messages that hold one line each, joined to blocks for a reader of lines; a message is one record always.

    A value without anything in it, or with a line end in it, is a malformed record; in JSON a line end between two
    tokens is a blank like any other.
    """

    def __init__(self, reader: Reader, is_json: bool, rejects: Rejects) -> None:
        self._reader, self._is_json, self._rejects, self._is_known = reader, is_json, rejects, False

    def knows(self, values: Sequence[bytes], is_last: bool = False) -> bool:
        """See `PayloadReader`."""
        self._is_known = self._is_known or self._reader.knows(self._block(values)[1], is_last=is_last)
        return self._is_known

    def nothing(self) -> Piece:
        """See `PayloadReader`."""
        return next(self._reader.pieces(b"\n", 1))[0]

    def read(self, payloads: Payloads) -> Iterator[tuple[int, Piece]]:
        """The pieces of a block with all values in it; most often it is one."""
        values, block = self._block(payloads.values)
        payloads = payloads._replace(values=values)
        pieces = list(self._reader.pieces(block or b"\n", 1))
        if len(pieces) == 1:
            yield len(values), self._whole(*pieces[0], payloads)
            return
        ends, size, done = np.array([*accumulate(len(value) + 1 for value in values)]), 0, 0
        for piece, bad in pieces:
            begin, size = size, size + piece.size
            after = int(np.searchsorted(ends, size, "right")) if size < len(block) else len(values)
            part = Payloads(payloads.name, payloads.offsets[done:after], values[done:after])
            yield after - done, self._whole(piece, bad, part, begin)
            done = after

    def _block(self, values: Sequence[bytes]) -> tuple[Sequence[bytes], bytes]:
        """The values, one a line, and all lines."""
        block = b"\n".join(values)
        if block.count(b"\n") < len(values):
            return values, block
        lines = [self._one_line(value) for value in values]
        return lines, b"\n".join(lines)

    def _one_line(self, value: bytes) -> bytes:
        """A value without line ends. For JSON they become carriage returns: blanks too, but in a text malformed."""
        value = value.strip(BLANK)
        if b"\n" not in value:
            return value
        return value.replace(b"\n", b"\r") if self._is_json else b""

    def _whole(self, piece: Piece, bad_lines: Sequence[Bad], payloads: Payloads, begin: int = 0) -> Piece:
        """The piece with one record a message, for a reader of lines passes blank ones over; the bad ones are told."""
        bad = len(payloads.values) - piece.batch.num_rows
        if bad:
            self._rejects.add(payloads.name, 0, _placed(bad_lines, payloads, begin))
        return piece._replace(malformed=bad)


class ArrowPayloads:
    """Reads messages that hold an Arrow IPC stream each; one that is damaged or cut off is one malformed record."""

    def __init__(self, choose: Choose, rejects: Rejects) -> None:
        self._choose, self._rejects = choose, rejects

    def knows(self, values: Sequence[bytes], is_last: bool = False) -> bool:
        """See `PayloadReader`: each message tells its own columns."""
        return True

    def nothing(self) -> Piece:
        """See `PayloadReader`."""
        return Piece(pa.RecordBatch.from_arrays([], names=[]))

    def read(self, payloads: Payloads) -> Iterator[tuple[int, Piece]]:
        """A piece a message."""
        for offset, value in zip(payloads.offsets.tolist(), payloads.values, strict=True):
            try:
                batch = _arrow_rows(value)
            except (pa.ArrowException, ValueError, OSError, EOFError, OverflowError):
                self._rejects.add(payloads.name, 0, [Bad(offset, _DAMAGED, value)])
                yield 1, self.nothing()._replace(malformed=1)
            else:
                chosen = self._choose(batch.schema.names)
                yield 1, Piece(batch.select([name for name in chosen if name in batch.schema.names]))


def _placed(bad_lines: Sequence[Bad], payloads: Payloads, begin: int) -> Iterator[Bad]:
    """The messages that are no row, at their offsets; their block began at a byte."""
    starts = np.array([0, *accumulate(len(value) + 1 for value in payloads.values)])
    for bad in bad_lines:
        place = int(np.searchsorted(starts, bad.at - begin, "right")) - 1
        yield bad._replace(at=int(payloads.offsets[place]))
    for offset, value in zip(payloads.offsets.tolist(), payloads.values, strict=True):
        if not value.strip(BLANK):
            yield Bad(offset, _EMPTY, value)


def _arrow_rows(value: bytes) -> pa.RecordBatch:
    """All rows of an Arrow stream in one batch, fully validated; ValueError if its end is missing."""
    source = pa.BufferReader(value)
    stream = pa.ipc.open_stream(source, options=pa.ipc.IpcReadOptions(use_threads=False))
    batches, before = [], source.tell()
    while True:
        try:
            batches.append(stream.read_next_batch())
        except StopIteration:
            break
        before = source.tell()
    if source.tell() == before or source.tell() != len(value):
        raise ValueError("the end of the stream is missing")
    for batch in batches:
        batch.validate(full=True)
    nothing = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in stream.schema], schema=stream.schema)
    return pa.concat_batches(batches or [nothing])
