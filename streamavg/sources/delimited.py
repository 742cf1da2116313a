"""Delimited text, CSV and TSV: columns are text, an empty unquoted field is null, a row of wrong width malformed."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.errors import InputError
from streamavg.sources.faults import reading, unsaid
from streamavg.sources.unit import Column, Layout, Piece, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamavg.position import Ranges
    from streamavg.sources.file import File

HEAD = 1 << 20  # the header must end within these bytes
BLOCK = 1 << 22  # a row must fit in a block; 1 to 8 MiB are equally fast
_TEXT = pa.dictionary(pa.int32(), pa.string())  # a third faster than strings that are encoded afterwards


def open_csv(file: File) -> Layout:
    """The header of comma-separated text. Raises InputError if there is none, OSError for disk faults."""
    return _open(file, ",")


def open_tsv(file: File) -> Layout:
    """The header of tab-separated text. Raises InputError if there is none, OSError for disk faults."""
    return _open(file, "\t")


def _open(file: File, delimiter: str) -> Layout:
    import pyarrow.csv as csv

    with reading(file.shown, "CSV"):
        head = file.peek(HEAD)
        if not head.strip():
            raise InputError(f"{file.shown}: empty file; expected a first line with the names of the columns")
        whole = len(head) < HEAD
        skipped = _Skipped()
        options = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skipped)
        source = pa.BufferReader(head + b"\n" if whole else head)
        with unsaid(skipped), csv.open_csv(source, csv.ReadOptions(block_size=2 * HEAD), options) as reader:
            names = reader.schema.names
    has_rows = not whole or b"\n" in head.strip() or b"\r" in head.strip()  # pyarrow refuses a header without line end
    return Layout([Column(name, _TEXT, loose=True) for name in names], partial(_units, file, delimiter, has_rows))


def _units(file: File, delimiter: str, has_rows: bool, names: list[str], done: Ranges | None = None) -> list[Unit]:
    # The reader does not tell at which byte a row starts, and a quote changes what later line ends mean: a file that
    # was counted in part is read again from its start, up to the size that was found, and the rows counted are skipped
    handle = file.stream if done is None else file.segment
    return [Unit(file.shown, file.size, None, partial(_read, file, handle, delimiter, names))] if has_rows else []


class _Skipped:
    """Counts rows of wrong width; pyarrow calls it from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = 0

    def __call__(self, row: Any) -> str:
        with self._lock:
            self._rows += 1
        return "skip"

    def taken(self) -> int:
        """The rows since the last call."""
        with self._lock:
            rows, self._rows = self._rows, 0
        return rows


def _read(file: File, opened: Callable[[], Any], delimiter: str, names: list[str]) -> Iterator[Piece]:
    import pyarrow.csv as csv

    skipped = _Skipped()
    with reading(file.shown, "CSV"), unsaid(skipped), opened() as handle:
        reader = csv.open_csv(
            handle,
            read_options=csv.ReadOptions(block_size=BLOCK),
            parse_options=csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                invalid_row_handler=skipped,  # 0-15 % for the newlines
            ),
            convert_options=csv.ConvertOptions(
                include_columns=names,
                column_types=dict.fromkeys(names, _TEXT),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        with reader:
            for batch in reader:
                yield Piece(batch, skipped.taken())
        if rest := skipped.taken():
            yield Piece(pa.RecordBatch.from_arrays([pa.nulls(0, _TEXT) for _ in names], names=names), rest)
