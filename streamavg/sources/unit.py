"""What a source hands out: units that one thread reads by itself, each a run of record batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.position import Ranges, Source, Span

Choose = Callable[[Sequence[str]], list[str]]
"""All column names of a file, partition keys included -> those needed; raises InputError if one is missing.

Where records are joined, one that is missing may be among those needed: it is in another source, or comes later.
"""


class Piece(NamedTuple):
    """One record batch with only the chosen columns, in the order of `Choose`, and the text lines lost on the way.

    `spans` say which rows of the file these are, `size` how many bytes of a block, `before` a log's bytes up to here.
    """

    batch: pa.RecordBatch
    malformed: int = 0
    spans: Sequence[Span] = ()
    size: int = 0
    before: str = ""


class Bad(NamedTuple):
    """A line that could not be counted: at which byte it starts, why, and the line itself."""

    at: int
    cause: str
    line: bytes


@dataclass(frozen=True)
class Unit:
    """What one thread reads by itself: a file, or a part of one; with a `source` its pieces have spans."""

    file: str
    size: int
    rows: int | None
    read: Callable[[], Iterator[Piece]]
    source: Source | None = None


class Column(NamedTuple):
    """A column of a file; `loose` if the file itself does not say whether it holds text or numbers (CSV, a path)."""

    name: str
    type: pa.DataType
    loose: bool = False


@dataclass(frozen=True)
class Layout:
    """What is known of a file before its rows are read.

    `units` takes the names of the columns to read, and what of the file was counted before: None for a run that keeps
    no position. Its pieces have spans then, unless the file is read from its start only.
    """

    columns: Sequence[Column]
    units: Callable[[list[str], Ranges | None], list[Unit]]
    is_empty: bool = False  # a log without a line: there is nothing to choose from
    has_spans: bool = False
