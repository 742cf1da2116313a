"""Lines: the readers that make record batches of blocks of whole lines, each declared once under its format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from streamavg.errors import InputError
from streamavg.sources.json_stream import JsonStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamavg.sources.unit import Bad, Choose, Piece


class Reader(Protocol):
    """Makes pieces of whole lines of any file of a stream; which columns, the first lines tell."""

    def knows(self, block: bytes, is_last: bool = False) -> bool:
        """Whether the columns are known, with this block looked at too, which is handed in to `pieces` later.

        InputError if the first lines, or the last ones there are, do not have them.
        """

    def pieces(self, block: bytes | None, at: int) -> Iterator[Piece]:
        """The rows of a block that starts at byte `at` of its file, and how many bytes of it they are; None stands
        for a line that was too long.
        """

    def bad_lines(self, block: bytes) -> Iterator[Bad]:
        """The lines of a part of a block that are counted as malformed."""


def open_reader(format_: str, choose: Choose) -> Reader:
    """The reader of a format. InputError for one that is not read line by line."""
    if format_ == "jsonl":
        return JsonStream(choose)
    raise InputError(f"{format_}: not a format that can be followed; expected jsonl")
