"""Slicer: tells the rows of an accumulator apart, and which of them are taken away."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.columns import Column
from streamavg.count.joined import FOLDED_CODE
from streamavg.count.slice_keys import SliceKeys
from streamavg.count.vocabulary import FIRST, Vocabulary
from streamavg.errors import InputError
from streamavg.state.slices import NUMBERS, Slices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.count.slicing import Slicing
    from streamavg.state.slices import Key


class Slicer:
    """Gives each row the code of its slice; with `fold`, new slices past the limit share one."""

    def __init__(self, slicing: Slicing, met: Sequence[Key]) -> None:
        self._slicing = slicing
        self._keys = SliceKeys(slicing.by, slicing.window, slicing.time or "")
        self._keys.know(met)

    @property
    def bound(self) -> int:
        """Above the code of every slice."""
        return self._keys.bound

    @property
    def may_be_too_many(self) -> bool:
        """Whether more slices were met than there may be; some may have no rows any more."""
        return self.bound - FIRST > self._slicing.most and not self._slicing.fold

    def read(self, batch: pa.RecordBatch, first_row: int) -> Any:
        """The code of each row's slice, uint32. Raises InputError for columns that cannot tell."""
        codes = self._keys.read(batch, first_row)
        if self._slicing.fold and self.bound - FIRST > self._slicing.most:
            return np.where(codes < FIRST + self._slicing.most, codes, np.uint32(FOLDED_CODE))
        return codes

    def keys(self) -> list[Key]:
        """The key of each code."""
        return self._keys.keys()

    def skipped(self, cause: str, codes: Any, step: int) -> Slices:
        """The slices of rows that are not scored."""
        used, counts = np.unique(codes, return_counts=True)
        keys = self.keys()
        return skipped_slices([keys[code] for code in used.tolist()], cause, counts * step)

    def twin(self) -> Slicer:
        """A copy that learns on its own."""
        twin = copy.copy(self)
        twin._keys = self._keys.twin()
        return twin


def skipped_slices(keys: Sequence[Key], cause: str, counts: Any) -> Slices:
    """Slices of nothing but rows that were skipped for a cause."""
    numbers = np.zeros((len(keys), len(NUMBERS)), np.int64)
    numbers[:, NUMBERS.index(cause)] = counts
    return Slices.of(keys, (), np.zeros((3, len(keys), 0), np.int64), numbers)


def split_by_op(batch: pa.RecordBatch, name: str, first_row: int) -> list[tuple[pa.RecordBatch, int]]:
    """The rows to add, with 1, and those to take away, with -1. InputError names the first row that is neither."""
    if not batch.num_rows:
        return [(batch, 1)]
    codes = Column(name, Vocabulary(("+", "-"), closed=True)).words(batch[name]).values
    wrong = codes < FIRST
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"column {name!r}: {batch[name][row].as_py()!r} at row {first_row + row} is no op; "
            "a row is added (+) or taken away again (-)",
            row=first_row + row,
        )
    minus = codes == FIRST + 1
    if not minus.any():
        return [(batch, 1)]
    return [(batch.filter(pa.array(mask)), sign) for mask, sign in ((~minus, 1), (minus, -1)) if mask.any()]
