"""Parquet: footers are read once, for planning; a unit is a run of row groups of one file on a handle of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from streamavg.errors import InputError
from streamavg.position import END, Span, covers
from streamavg.sources import pages
from streamavg.sources.faults import reading
from streamavg.sources.unit import Column, Layout, Piece, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from streamavg.position import Mark, Ranges
    from streamavg.sources.file import File

UNIT_ROWS = 1_000_000  # smaller row groups are read together: a unit costs 0.3 ms to open
BATCH_ROWS = 131_072  # 32 k to 512 k differ by less than the noise of 10 %
PAGED_ROWS = 1 << 18  # below, loading the kernels that read pages costs more than they save
BUFFER = 1 << 20  # a column at a time through 1 MiB keeps 10 MB in memory where pre-buffering keeps the column chunks


def open_parquet(file: File) -> Layout:
    """The columns and row groups of a file, from its footer. Raises InputError for damage, OSError for disk faults."""
    import pyarrow.parquet as pq

    with reading(file.shown, "Parquet"), file.random() as handle:
        footer = pq.ParquetFile(handle)
        columns = [Column(field.name, field.type) for field in footer.schema_arrow]
        return Layout(columns, partial(_units, file, footer.metadata), has_spans=True)


def _units(file: File, metadata: Any, names: list[str], done: Ranges | None = None) -> list[Unit]:
    """Runs of row groups with at least UNIT_ROWS rows; only the last one may have fewer. Those `done` are left out."""
    units: list[Unit] = []
    groups: list[int] = []
    rows = 0
    left = [g for g in range(metadata.num_row_groups) if not covers(done or (), (g, 0), (g + 1, 0))]
    for group in left:
        groups.append(group)
        rows += metadata.row_group(group).num_rows
        if rows >= UNIT_ROWS or group == left[-1]:
            size = file.size * rows // max(metadata.num_rows, 1)
            units.append(Unit(file.shown, size, rows, partial(_read, file, metadata, groups, rows, names)))
            groups, rows = [], 0
    return units


def _text_leaves(metadata: Any, names: list[str]) -> list[str]:
    """The paths of text in these columns, in lists too: read as dictionaries, labels cost a sixth of plain strings."""
    leaves = (metadata.schema.column(i) for i in range(len(metadata.schema)))
    below = tuple(f"{name}." for name in names)
    texts = (leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY")
    return [path for path in texts if path in names or path.startswith(below)]


def _read(file: File, metadata: Any, groups: list[int], rows: int, names: list[str]) -> Iterator[Piece]:
    seen = 0
    with reading(file.shown, "Parquet"), file.random() as handle:
        left: list[int] = []
        small = rows < PAGED_ROWS
        for group in groups:
            batch = None if small else _paged(file, handle, metadata, group, names)
            if batch is None:
                left.append(group)
                continue
            seen += batch.num_rows
            yield Piece(batch, spans=(Span(group, 0, batch.num_rows, _after(metadata, group)),))
        place = _Place(metadata, left)
        for batch in _decoded(file, handle, metadata, left, names) if left else ():
            seen += batch.num_rows
            # with a column "a.b" comes a struct "a" that has a field b; it is left out later
            yield Piece(batch, spans=place.of_next(batch.num_rows))
    if seen != rows:
        raise InputError(f"{file.shown}: damaged Parquet, {seen} rows where the footer says {rows}; write it again")
    file.refuse_change()


def _after(metadata: Any, group: int) -> Mark:
    return END if group + 1 == metadata.num_row_groups else (group + 1, 0)


class _Place:
    """Tells which row groups the rows come from that are read one after the other."""

    def __init__(self, metadata: Any, groups: list[int]) -> None:
        self._metadata, self._groups = metadata, groups
        self._at = self._row = 0

    def of_next(self, rows: int) -> list[Span]:
        """The places of the next rows; a row group without any goes with those before it."""
        spans = []
        while self._at < len(self._groups):
            group = self._groups[self._at]
            total = self._metadata.row_group(group).num_rows
            if not rows and total:
                break
            taken = min(rows, total - self._row)
            is_end = self._row + taken == total
            after = _after(self._metadata, group) if is_end else (group, self._row + taken)
            spans.append(Span(group, self._row, taken, after))
            rows -= taken
            self._at, self._row = (self._at + 1, 0) if is_end else (self._at, self._row + taken)
        return spans


def _paged(file: File, handle: Any, metadata: Any, group: int, names: list[str]) -> pa.RecordBatch | None:
    """A row group read page by page, or None if one of its columns is not of the shape that `pages` reads."""
    import pyarrow as pa

    paths = [metadata.schema.column(at).path for at in range(len(metadata.schema))]
    if any(paths.count(name) != 1 for name in names):
        return None
    kinds = metadata.schema.to_arrow_schema()
    leaves = [(metadata.row_group(group).column(at), metadata.schema.column(at)) for at in map(paths.index, names)]
    if not all(pages.suits(chunk, leaf, kinds.field(leaf.path).type) for chunk, leaf in leaves):
        return None
    columns: list[pa.Array] = []
    for chunk, leaf in leaves:
        start, size = pages.place(chunk)
        try:
            column = pages.codes(handle.read_at(size, start), chunk, leaf)
        except InputError as error:
            raise InputError(f"{file.shown}: {error}") from None
        if column is None or len(column) != metadata.row_group(group).num_rows:
            return None
        columns.append(column)
    return pa.record_batch(columns, names)


def _decoded(file: File, handle: Any, metadata: Any, groups: list[int], names: list[str]) -> Iterator[pa.RecordBatch]:
    """Row groups as Arrow decodes them, in small batches."""
    texts = _text_leaves(metadata, names)
    if all(leaf in names for leaf in texts):
        yield from _batches(file, handle, metadata, groups, names, texts)
        return
    # pyarrow 26 cannot read text in lists as dictionaries where a batch meets a second dictionary ("Nested data
    # conversions not implemented for chunked array outputs"): a row group at a time, and where it fails as plain text
    import pyarrow as pa

    plain = [leaf for leaf in texts if leaf in names]
    for group in groups:
        done = 0
        try:
            for batch in _batches(file, handle, metadata, [group], names, texts):
                done += batch.num_rows
                yield batch
            continue
        except pa.ArrowNotImplementedError:
            pass
        for batch in _batches(file, handle, metadata, [group], names, plain):
            if done < batch.num_rows:
                yield batch.slice(done)
            done = max(done - batch.num_rows, 0)


def _batches(
    file: File, handle: Any, metadata: Any, groups: list[int], names: list[str], dictionaries: list[str]
) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    parquet = pq.ParquetFile(
        handle,
        metadata=metadata,
        read_dictionary=dictionaries,
        pre_buffer=not file.is_local,  # over S3 pre-buffering is 2.6 times as fast
        buffer_size=BUFFER if file.is_local else 0,
        page_checksum_verification=True,  # no cost seen in 100 M rows; without it 92 % of bit flips pass unseen
    )
    yield from parquet.iter_batches(BATCH_ROWS, row_groups=groups, columns=names, use_threads=False)
