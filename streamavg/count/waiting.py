"""Waiting: the rows of records that wait for the other half of their pair, in few batches, found by their numbers."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streamavg.count.pairing import Pairing

    Ints = NDArray[np.int64]

ROWS = 1 << 20  # of batches that were put together because they are small


class Chunk(NamedTuple):
    """Rows, and the number of each, ascending; some may wait no longer."""

    numbers: Ints
    batch: pa.RecordBatch


class Waiting:
    """Batches of rows in the order of their numbers. Small ones of equal columns are put together: a row is copied
    about log2(rows) times, and thousands of batches of a few rows never come to be.
    """

    def __init__(self) -> None:
        self._chunks: list[Chunk] = []

    @classmethod
    def of(cls, batches: Sequence[pa.RecordBatch]) -> Waiting:
        """What gave `batches`; ValueError if nothing did."""
        made = cls()
        for batch in batches:
            if batch.schema.names[:1] != [""] or batch.column(0).type != pa.int64() or batch.column(0).null_count:
                raise ValueError("rows wait without numbers")
            made._chunks.append(Chunk(batch.column(0).to_numpy(), batch.select(range(1, batch.num_columns))))
        return made

    def batches(self, pairing: Pairing) -> list[pa.RecordBatch]:
        """The rows that wait, to be saved; their numbers are the first column, without a name."""
        self._chunks = [chunk for chunk in (_left(chunk, pairing) for chunk in self._chunks) if len(chunk.numbers)]
        return [
            pa.RecordBatch.from_arrays([pa.array(numbers), *batch.columns], ["", *batch.schema.names])
            for numbers, batch in self._chunks
        ]

    @property
    def numbers(self) -> Ints:
        """The numbers of all rows."""
        return np.concatenate([np.empty(0, np.int64), *(chunk.numbers for chunk in self._chunks)])

    def add(self, first: int, batch: pa.RecordBatch) -> None:
        """Keep the rows of a batch, whose numbers begin with `first`."""
        if batch.num_rows:
            self._chunks.append(Chunk(np.arange(first, first + batch.num_rows), batch))

    def found(
        self, batch: pa.RecordBatch, rows: Ints, numbers: Ints
    ) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
        """Some rows of a batch, and beside each the row of its number; a pair of batches for each kind of columns."""
        order = np.argsort(numbers, kind="stable")
        rows, numbers, done = rows[order], numbers[order], 0
        cuts = [*np.searchsorted(numbers, [int(chunk.numbers[0]) for chunk in self._chunks]), len(numbers)]
        parts = (
            chunk.batch.take(pa.array(np.searchsorted(chunk.numbers, numbers[start:stop])))
            for chunk, start, stop in zip(self._chunks, cuts, cuts[1:], strict=False)
            if start < stop
        )
        for _, same in groupby(parts, key=lambda part: part.schema):
            there = pa.concat_batches(list(same))
            yield batch.take(pa.array(rows[done : done + there.num_rows])), there
            done += there.num_rows

    def tidy(self, pairing: Pairing) -> None:
        """Let go of rows that wait no longer, and put small batches together."""
        while self._chunks and self._chunks[0].numbers[-1] < pairing.first:
            del self._chunks[0]
        if self._chunks:
            self._chunks[-1:] = filter(_has_rows, [_left(self._chunks[-1], pairing)])
        while len(self._chunks) > 1:
            first, second = self._chunks[-2:]
            sizes = len(first.numbers), len(second.numbers)
            if sizes[0] > 2 * sizes[1] or sum(sizes) > ROWS or first.batch.schema != second.batch.schema:
                return
            first = _left(first, pairing)
            numbers = np.concatenate([first.numbers, second.numbers])
            self._chunks[-2:] = [Chunk(numbers, pa.concat_batches([first.batch, second.batch]))]


def _left(chunk: Chunk, pairing: Pairing) -> Chunk:
    """The rows of a chunk that wait still."""
    keep = pairing.waits(chunk.numbers)
    return chunk if keep.all() else Chunk(chunk.numbers[keep], chunk.batch.filter(pa.array(keep)))


def _has_rows(chunk: Chunk) -> bool:
    return len(chunk.numbers) > 0
