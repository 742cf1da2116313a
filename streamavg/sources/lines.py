"""Lines: the readers that make record batches of blocks of whole lines, each declared once under its format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from streamavg.errors import InputError
from streamavg.sources.delimited_stream import CsvStream
from streamavg.sources.json_stream import JsonStream
from streamavg.sources.pattern_stream import LogfmtStream, PatternStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamavg.sources.unit import Bad, Choose, Piece

LINE_FORMATS = ("jsonl", "csv", "tsv", "logfmt", "pattern")


class Reader(Protocol):
    """Makes pieces of whole lines of any file of a stream; which columns, the first lines tell."""

    def knows(self, block: bytes, first: bytes = b"", is_last: bool = False) -> bool:
        """Whether the columns are known, with this block looked at too, which is handed in to `pieces` later.

        first: the first line of its file. InputError if the first lines, or the last there are, lack the columns.
        """

    def pieces(self, block: bytes, at: int, first: bytes = b"") -> Iterator[tuple[Piece, Sequence[Bad]]]:
        """The rows of a block that starts at byte `at` of its file, and the lines of it that are bad."""


def open_reader(format_: str, choose: Choose, pattern: str | None = None) -> Reader:
    """The reader of a format. InputError for one that is not read line by line, and for a pattern that cannot be."""
    if (format_ == "pattern") != (pattern is not None):
        raise InputError("--pattern REGEX goes with --input-format pattern, which needs one")
    if pattern is not None:
        return PatternStream(choose, pattern)
    if format_ == "jsonl":
        return JsonStream(choose)
    if format_ == "logfmt":
        return LogfmtStream(choose)
    if format_ in ("csv", "tsv"):
        return CsvStream(choose, "," if format_ == "csv" else "\t")
    raise InputError(f"{format_}: not a format that is read line by line; expected one of {', '.join(LINE_FORMATS)}")
