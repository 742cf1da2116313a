"""Trail: at which byte of a log the rows of each piece end, and what the bytes before are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamavg.position import MOST, Span, digest_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamavg.sources.file import File
    from streamavg.sources.unit import Piece

BEFORE = 256  # bytes before a position by which a log is known again that was truncated and has grown beyond it


class Trail:
    """Follows the blocks of one part of a plain file of lines, (begin, end) in the words of `json_blocks.blocks`.

    A mark m stands for all lines that start before byte m, so the parts of a file share no mark and leave none out.
    """

    def __init__(self, handle: Any, begin: int, end: int | None) -> None:
        self._handle = handle
        self._mark = begin + 1 if begin else 0
        self._stop = MOST if end is None else end + 1
        self._tail, self._at = b"", 0  # the last bytes before `_at`

    def spanned(self, pieces: Iterator[Piece], block: bytes | None, after: int, ahead: int = 0) -> Iterator[Piece]:
        """The pieces of a block that ends at `after`, with their spans; `ahead` bytes of it were not parsed."""
        data = block or b""
        first = after - len(data)
        if self._at != first:
            self._read_tail(first)
        # a last line without an end may not be whole yet: all bytes up to there count, so that growth is noticed
        is_open = bool(data) and not data.endswith(b"\n")
        done = ahead
        for piece in pieces:
            done += piece.size
            mark = first + done if done < len(data) else after
            yield self._marked(piece, mark if is_open else min(mark, self._stop), data, first)
        self._tail, self._at = (self._tail + data[-BEFORE:])[-BEFORE:], after

    def ended(self, nothing: Piece) -> Iterator[Piece]:
        """A piece without rows for the rest of the part, in which no line starts."""
        if self._mark < self._stop != MOST:
            self._read_tail(self._stop)
            yield self._marked(nothing, self._stop, b"", self._stop)

    def _marked(self, piece: Piece, mark: int, data: bytes, first: int) -> Piece:
        cut = mark - first
        before = (self._tail + data[max(cut - BEFORE, 0) : cut])[-BEFORE:] if cut >= 0 else self._bytes_before(mark)
        span = Span(0, self._mark, max(mark - self._mark, 0), (0, mark))
        self._mark = max(mark, self._mark)
        return piece._replace(spans=(span,), before=digest_of(before))

    def _read_tail(self, at: int) -> None:
        self._tail, self._at = self._bytes_before(at), at

    def _bytes_before(self, at: int) -> bytes:
        return bytes_before(self._handle, at)


def bytes_before(handle: Any, at: int) -> bytes:
    """The last bytes of a file before a position; the handle stays where it is."""
    size, place = min(BEFORE, at), handle.tell()
    found = bytes(handle.read_at(size, at - size))
    handle.seek(place)  # which Arrow wants before the next read that goes on
    return found


def before_end(file: File) -> str:
    """The digest of the last bytes that a file had when it was found."""
    with file.random() as handle:
        return digest_of(bytes_before(handle, file.size))
