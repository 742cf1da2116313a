"""Batches: a stream that does not end as an iterator of record batches, for programs of one's own."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

from streamavg.errors import InputError, require_one_of
from streamavg.numeric import Numeric
from streamavg.sources.feed import Opening
from streamavg.sources.rejects import Rejects
from streamavg.sources.streams import open_feed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    import pyarrow as pa


def follow(  # noqa: PLR0913 the public contract
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    columns: Sequence[str],
    *,
    numbers: Collection[str] = (),
    input_format: str | None = None,
    pattern: str | None = None,
    batch_rows: int = 65_536,
    batch_age: float = 1.0,
    until_end: bool = False,
    missing: str = "error",
    rejects: str | None = None,
    partitions: Sequence[int] | None = None,
    on_gap: str = "error",
    settings: Mapping[str, Any] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[pa.RecordBatch]:
    """Record batches of what is and what comes in growing files, globs, a pipe ("-") or kafka://HOST:PORT/TOPIC.

    columns: names or field paths such as "result.label". numbers: those of them that hold numbers in JSON, float64
    then, and not labels, which come as text or as integers of the same text. input_format: jsonl, csv, tsv, logfmt,
    pattern or arrow where a name does not tell; pattern: a regular expression whose named groups are the columns.
    A batch has about `batch_rows` rows at most, and comes `batch_age` seconds after its first row at the latest.
    until_end: stop when all there is now is read; else the iterator waits for more. Bad lines are left out, and kept
    in the file `rejects` with their places. missing: "null" if a column may be in another source only, or come later,
    as where predictions and truths are to be joined (`streamavg.join.JoinBuffer`). Of a topic, partitions: those to
    read (None: all), on_gap: what messages do that were deleted unread ("error", "skip"), settings: librdkafka's.
    Rotation is followed, so each record comes once; a program that starts
    again starts from the beginning (`streamavg follow --checkpoint` does not).

    Raises InputError for sources or columns that cannot be, OSError for a fault of disk or network.

    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as log:
    ...     print('{"y_true": "cat", "y_pred": "dog"}', file=log, flush=True)
    ...     [batch.to_pylist() for batch in follow(log.name, ["y_true", "y_pred"], until_end=True)]
    [[{'y_true': 'cat', 'y_pred': 'dog'}]]
    """
    paths = [source] if isinstance(source, str | os.PathLike) else list(source)
    require_one_of("missing", missing, ("error", "null"))
    wanted = [Numeric(name) if name in numbers else name for name in columns]
    with closing(Rejects(rejects)) as bad:
        opening = Opening(
            lambda names: wanted if missing == "null" else _checked(wanted, names),
            input_format,
            pattern,
            rejects=bad,
            rows=batch_rows,
            age=batch_age,
            until_end=until_end,
            note=note,
            partitions=partitions,
            on_gap=on_gap,
            settings=settings or {},
        )
        with closing(open_feed([os.fspath(path) for path in paths], opening)) as feed:
            for arrival in feed.arrivals():
                if arrival is not None and arrival.piece.batch.num_rows:
                    yield arrival.piece.batch


def _checked(wanted: list[str], names: Sequence[str]) -> list[str]:
    for name in wanted:
        if name not in names:
            raise InputError(f"there is no column {name!r}; the columns are: {', '.join(names)}")
    return wanted
