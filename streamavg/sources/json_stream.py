"""JSON stream: the lines of a log as they come; the first of them tell keys and types, as they do for a file."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa

from streamavg.errors import InputError
from streamavg.sources.json_lines import BLANK, MalformedError, parse
from streamavg.sources.json_paths import Keys
from streamavg.sources.json_rows import Rows
from streamavg.sources.jsonl import BOM, HEAD, LINES, wanted_types
from streamavg.sources.unit import Bad, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamavg.sources.unit import Choose


class JsonStream:
    """Blocks of whole lines to pieces, once the columns are known."""

    def __init__(self, choose: Choose) -> None:
        self._choose = choose
        self._seen: Keys | None = None
        self._lines = self._bytes = 0
        self._rows: Rows | None = None

    def knows(self, block: bytes, first: bytes = b"", is_last: bool = False) -> bool:
        """See `Reader`."""
        if self._rows is None:
            self._look(block)
            self._decide(is_last or self._lines >= LINES or self._bytes >= HEAD)
        return self._rows is not None

    def _look(self, block: bytes) -> None:
        self._bytes += len(block)
        for line in block.removeprefix(BOM).split(b"\n"):
            if line.strip(BLANK) and self._lines < LINES:
                with suppress(MalformedError):
                    found = parse(line.strip(BLANK), ())
                    self._seen = self._seen or Keys()
                    self._seen.add(found)
                    self._lines += 1

    def _decide(self, at_last: bool) -> None:
        """Choose the columns among the keys seen; a column that is not there yet may come, until `at_last`."""
        seen = self._seen or Keys()
        types = seen.types()
        try:
            names = self._choose(list(types))
        except InputError:
            if at_last and types:
                raise
            return
        self._rows = Rows(wanted_types(names, types), seen.paths(names))
        self._seen = None

    def pieces(self, block: bytes, at: int, first: bytes = b"") -> Iterator[tuple[Piece, Sequence[Bad]]]:
        """See `Reader`."""
        if self._rows is None:  # the end of a stream without a single object
            bad = list(self._bad_lines(block, 0))
            yield Piece(pa.RecordBatch.from_arrays([], names=[]), len(bad), size=len(block)), bad
            return
        ahead = len(BOM) if at == 0 and block.startswith(BOM) else 0
        done = ahead
        for piece in self._rows.pieces(block[ahead:] if ahead else block):
            part = block[done : done + piece.size] if piece.malformed else b""
            yield piece._replace(size=piece.size + ahead), list(self._bad_lines(part, done))
            done, ahead = done + piece.size, 0

    def _bad_lines(self, part: bytes, start: int) -> Iterator[Bad]:
        """The lines of a part that cannot be counted, found by reading each by itself, and why."""
        for line in part.split(b"\n") if part else ():
            if line.strip(BLANK) and (self._rows is None or not self._rows.is_row(line)):
                yield Bad(start, cause_of(line), line)
            start += len(line) + 1


def cause_of(line: bytes) -> str:
    """Why a line is no row, in a word.

    >>> cause_of(b'{"a": 1'), cause_of(b"[1]"), cause_of(b"{}")
    ('no_json', 'no_object', 'no_label')
    """
    if b"\0" in line:
        return "nul"
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return "no_utf8"
    try:
        parse(line.strip(BLANK), ())
    except MalformedError:
        try:
            is_object = isinstance(json.loads(text), dict)
        except RecursionError:
            return "deep"
        except ValueError:
            return "no_json"
        return "deep" if is_object else "no_object"
    return "no_label"
