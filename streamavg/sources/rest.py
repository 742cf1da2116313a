"""Rest: the pieces of a unit that were not counted before, cut so that each is a step after which a run can stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamavg.position import ALL, END, Span, covers, gaps, reached
from streamavg.sources.trail import before_end
from streamavg.sources.unit import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamavg.position import Ranges, Source
    from streamavg.sources.file import File

STEP_ROWS = 1 << 20  # rows counted between two moments at which a checkpoint can be taken
ROWS, MALFORMED, BYTES = 0, 1, 2  # the parts of a file that is read from its start


def rest_of_parts(pieces: Iterator[Piece], done: Ranges) -> Iterator[Piece]:
    """Pieces whose spans name their rows, without the rows that are done."""
    for piece in pieces:
        held: list[Span] = []
        row = first = total = 0
        for span in piece.spans:
            for start, count in _steps(span, done):
                at = row + start - span.start
                if held and (at != first + total or total + count > STEP_ROWS):
                    yield Piece(piece.batch.slice(first, total), spans=held)
                    held, total = [], 0
                if not held:
                    first = at
                ends = start + count == span.start + span.rows
                held.append(Span(span.part, start, count, span.after if ends else (span.part, start + count)))
                total += count
            row += span.rows
        if held:
            yield Piece(piece.batch.slice(first, total), spans=held)


def _steps(span: Span, done: Ranges) -> Iterator[tuple[int, int]]:
    """The rows of a span that are not done, as (first, number); of a span without rows itself."""
    if not span.rows and not covers(done, (span.part, span.start), span.after):
        yield span.start, 0
    for start, stop in gaps(done, span.part, span.start, span.start + span.rows):
        for first in range(start, stop, STEP_ROWS):
            yield first, min(STEP_ROWS, stop - first)


def is_done(source: Source, done: Ranges) -> bool:
    """Whether nothing is left of a file that need not even be opened to know it."""
    return done == ALL or (source.is_log and covers(done, (BYTES, 0), (BYTES, source.size)))


def rest_of_rows(pieces: Iterator[Piece], done: Ranges, file: File, source: Source) -> Iterator[Piece]:
    """Pieces of a file that is read from its start, without as many rows and malformed lines as are done.

    The two are skipped each by itself: where a malformed line stood among the rows makes no difference to a count.
    """
    rows, malformed = reached(done, ROWS), reached(done, MALFORMED)
    skip_rows, skip_malformed = rows, malformed
    before = before_end(file) if source.is_log else ""
    nothing = None
    for piece in pieces:
        batch, over, lost_over = piece.batch, min(skip_rows, len(piece.batch)), min(skip_malformed, piece.malformed)
        skip_rows, skip_malformed, lost = skip_rows - over, skip_malformed - lost_over, piece.malformed - lost_over
        nothing = batch.slice(0, 0)
        if lost:
            yield Piece(nothing, lost, [Span(MALFORMED, malformed, 0, (MALFORMED, malformed + lost))], before=before)
            malformed += lost
        for start in range(over, len(batch), STEP_ROWS):
            part = batch.slice(start, STEP_ROWS)
            yield Piece(part, 0, [Span(ROWS, rows, len(part), (ROWS, rows + len(part)))], before=before)
            rows += len(part)
    file.refuse_change(may_grow=source.is_log)
    if nothing is not None:
        end = Span(BYTES, 0, 0, (BYTES, source.size)) if source.is_log else Span(0, 0, 0, END)
        yield Piece(nothing, spans=[end], before=before)
