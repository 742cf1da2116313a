"""Handout: lines taken from a source, handed out as record batches that say what is read with them."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from streamavg.position import Span
from streamavg.sources.feed import Arrival
from streamavg.sources.json_blocks import BLOCK
from streamavg.sources.rejects import LONG
from streamavg.sources.tail import ROWED
from streamavg.sources.unit import Bad, Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streamavg.position import Source
    from streamavg.sources.feed import Opening
    from streamavg.sources.lines import Reader
    from streamavg.sources.tail import Lines

LEAST = 1 << 12  # bytes of a block, however few rows a batch may have


class Place(Protocol):
    """Where lines come from, and up to where they were handed out: byte, and rows and malformed lines."""

    source: Source
    path: str
    mark: int
    rows: int
    malformed: int

    def first_line(self) -> bytes:
        """The first line, with its end if it has one."""


class Handout:
    """Makes arrivals of lines, which are held back until the columns are known."""

    def __init__(self, reader: Reader, opening: Opening) -> None:
        self._reader, self._rejects, self._most_rows = reader, opening.rejects, opening.rows
        self._waiting: list[tuple[Place, Lines]] = []
        self._rows, self._bytes = 1, 64  # of the last pieces; a guess before

    @property
    def most(self) -> int:
        """How many bytes to take, so that a batch has no more rows than it may, by what lines have been like."""
        return max(min(BLOCK, self._most_rows * self._bytes // self._rows), LEAST)

    def arrived(self, place: Place, lines: Lines) -> Iterator[Arrival]:
        """The rows of lines, and of those held back before."""
        self._waiting.append((place, lines))
        if self._reader.knows(lines.data or b"", place.first_line()):
            yield from self._released()

    def ended(self) -> Iterator[Arrival]:
        """What was held back, at the end of all. InputError if the columns are not there."""
        if self._waiting:
            self._reader.knows(b"", b"", is_last=True)
            yield from self._released()

    def _released(self) -> Iterator[Arrival]:
        waiting, self._waiting = self._waiting, []
        for place, lines in waiting:
            yield from self._handed(place, lines)

    def _handed(self, place: Place, lines: Lines) -> Iterator[Arrival]:
        data, done = lines.data, 0
        if data is None:
            bad = Bad(0, LONG, b"")
            self._rejects.add(place.path, lines.start, [bad], lines.after - lines.start)
            nothing = Piece(pa.RecordBatch.from_arrays([], names=[]), 1)
            yield self._arrival(place, nothing, lines.after, lines.digest_at(0))
            return
        for piece, bad_lines in _joined(self._reader.pieces(data, lines.start, place.first_line())):
            self._rejects.add(place.path, lines.start, bad_lines)
            done += piece.size
            if piece.batch.num_rows:
                self._rows, self._bytes = piece.batch.num_rows, piece.size
            mark = lines.start + done if done < len(data) else lines.after
            yield self._arrival(place, piece, mark, lines.digest_at(done))

    def _arrival(self, place: Place, piece: Piece, mark: int, before: str) -> Arrival:
        """What a piece adds to the position of its place, whose mark moves on."""
        start, place.mark = place.mark, mark
        spans = [Span(0, start, mark - start, (0, mark))]
        if place.source.format in ROWED:
            rows, malformed = place.rows, place.malformed
            place.rows, place.malformed = rows + piece.batch.num_rows, malformed + piece.malformed
            spans = [
                Span(0, rows, piece.batch.num_rows, (0, place.rows)),
                Span(1, malformed, 0, (1, place.malformed)),
                Span(2, start, 0, (2, mark)),
            ]
        return Arrival(place.source, piece._replace(spans=spans, before=before))


def _joined(pieces: Iterable[tuple[Piece, Sequence[Bad]]]) -> Iterator[tuple[Piece, Sequence[Bad]]]:
    """The pieces of a block, those of one kind made one: a bad line parts a block, and small batches cost more."""
    for _, group in groupby(pieces, lambda each: each[0].batch.schema):
        held = list(group)
        if len(held) > 1:
            batch = pa.concat_batches([piece.batch for piece, _ in held])
            bad_lines = [bad for _, part in held for bad in part]
            yield Piece(batch, sum(p.malformed for p, _ in held), size=sum(p.size for p, _ in held)), bad_lines
        else:
            yield held[0]
