"""Delimited stream: CSV and TSV as they come; a record is one line here, and a bad one takes no other with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.errors import InputError
from streamavg.sources.faults import unsaid
from streamavg.sources.json_lines import BLANK
from streamavg.sources.jsonl import BOM
from streamavg.sources.unit import Bad, Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streamavg.sources.unit import Choose

_TEXT = pa.dictionary(pa.int32(), pa.string())


class CsvStream:
    """The first line of a file names its columns; a file whose first line does not (after a truncation) has the same
    ones as the file before.
    """

    def __init__(self, choose: Choose, delimiter: str) -> None:
        self._choose, self._delimiter = choose, delimiter
        self._names: list[str] = []  # chosen
        self._header: list[str] = []

    def knows(self, block: bytes, first: bytes = b"", is_last: bool = False) -> bool:
        """See `Reader`."""
        if not self._names and first.strip(BLANK):
            header = self._fields(first)
            self._names = self._choose(header)
            self._header = header
        return bool(self._names) or is_last

    def pieces(self, block: bytes, at: int, first: bytes = b"") -> Iterator[tuple[Piece, Sequence[Bad]]]:
        """See `Reader`."""
        fields, ahead = self._fields(first), 0
        if fields and self._is_header(fields):
            self._header = fields
            ahead = block.find(b"\n") + 1 or len(block) if at == 0 else 0
        yield from self._rows(block, ahead, len(block), ahead)

    def _is_header(self, fields: list[str]) -> bool:
        """Whether a first line names what is needed."""
        try:
            return set(self._choose(fields)) <= set(self._names)
        except InputError:
            return False

    def _fields(self, line: bytes) -> list[str]:
        import pyarrow.csv as csv

        line = line.removeprefix(BOM).strip(BLANK if self._delimiter == "," else b"\r\n")
        if not line:
            return []
        try:
            source = pa.BufferReader(line + b"\n")
            with csv.open_csv(source, parse_options=csv.ParseOptions(delimiter=self._delimiter)) as reader:
                return list(reader.schema.names)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            return []

    def _rows(self, block: bytes, start: int, end: int, ahead: int = 0) -> Iterator[tuple[Piece, Sequence[Bad]]]:
        """The rows of whole lines; where lines and rows do not match, the lines are halved until they tell why."""
        part = block[start:end]
        if part and not part.endswith(b"\n"):
            part += b"\n"  # or an empty last field would not be null but ""
        last = part[part.rfind(b"\n", 0, max(len(part) - 1, 0)) + 1 :]
        read = None if last.count(b'"') % 2 else self._read(part)  # an open quote there would go unnoticed
        if read is not None:
            batch, numbers = read
            yield Piece(batch, len(numbers), size=end - start + ahead), _numbered(part, start, numbers)
            return
        middle = start + part.find(b"\n", len(part) // 2) + 1
        if not start < middle < end:
            middle = start + part.rfind(b"\n", 0, len(part) - 1) + 1
        if start < middle < end:
            yield from self._rows(block, start, middle, ahead)
            yield from self._rows(block, middle, end)
            return
        batch = self._one(part)
        bad = [] if batch is not None else [Bad(start, _cause(part), part.rstrip(b"\r\n"))]
        yield Piece(self._nothing() if batch is None else batch, len(bad), size=end - start + ahead), bad

    def _one(self, line: bytes) -> pa.RecordBatch | None:
        """The row in a single line, if it is one: an open quote would take the line after it too."""
        after = self._delimiter.join("x" for _ in self._header).encode()
        read = self._read(line.rstrip(b"\r\n") + b"\n" + after, 2)
        return None if read is None or read[1] else read[0].slice(0, 1)

    def _nothing(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pa.nulls(0, _TEXT) for _ in self._names], names=self._names)

    def _read(self, part: bytes, lines: int | None = None) -> tuple[pa.RecordBatch, list[int]] | None:
        """The rows, and the numbers (from 1) of those of wrong width; None unless there are as many as lines."""
        import pyarrow.csv as csv

        lines = sum(1 for line in part.split(b"\n") if line.rstrip(b"\r")) if lines is None else lines
        if not lines:
            return self._nothing(), []
        bad: list[int] = []

        def skip(row: Any) -> str:
            bad.append(row.number)
            return "skip"

        try:
            with unsaid(skip):
                table = csv.read_csv(
                    pa.BufferReader(part),
                    csv.ReadOptions(use_threads=False, block_size=len(part) + 1, column_names=self._header),
                    csv.ParseOptions(delimiter=self._delimiter, invalid_row_handler=skip),
                    csv.ConvertOptions(
                        include_columns=self._names,
                        include_missing_columns=True,  # rows to join lack those of the other source
                        column_types=dict.fromkeys(self._names, _TEXT),
                        null_values=[""],
                        strings_can_be_null=True,
                        quoted_strings_can_be_null=False,
                    ),
                )
        except pa.ArrowInvalid:
            return None
        if table.num_rows + len(bad) != lines:
            return None
        batches = table.combine_chunks().to_batches()
        return (batches[0] if batches else self._nothing()), bad


def _numbered(part: bytes, start: int, numbers: list[int]) -> list[Bad]:
    """The lines of these numbers, which count only lines that are not empty."""
    found, wanted, row, at = [], set(numbers), 0, start
    for line in part.split(b"\n") if wanted else ():
        if line.rstrip(b"\r"):
            row += 1
            if row in wanted:
                found.append(Bad(at, "no_row", line.rstrip(b"\r")))
        at += len(line) + 1
    return found


def _cause(line: bytes) -> str:
    try:
        line.decode()
    except UnicodeDecodeError:
        return "no_utf8"
    return "open_quote" if line.count(b'"') % 2 else "no_row"
