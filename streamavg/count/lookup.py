"""Lookup: a table from raw codes, or pairs of them, to codes, which is mostly a sum."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.columns import DENSE
from streamavg.count.small import loops
from streamavg.count.spaces import roomy

if TYPE_CHECKING:
    Codes = np.ndarray[Any, np.dtype[np.uint32]]

NEW = np.uint32(0xFFFFFFFF)  # in a table, what was not met yet


class Lookup:
    """From raw codes to codes, NEW where one was not met yet.

    Labels are learned in the order of their raw codes, so that a table of which a first batch met all is a run of
    consecutive codes: then a sum does what a look at it would, in vectors: .3 ns a row for .9, of pairs .4 for 1.3.
    """

    def __init__(self, size: int = 0) -> None:
        self.table: Codes = np.full(size, NEW)
        self._run: tuple[int, np.uint32] = (0, np.uint32(0))

    def learn(self, raw: Any, codes: Any) -> None:
        """Give these raw codes their codes; the table grows to hold them."""
        need = 1 + int(raw.max())
        if need > len(self.table):
            grown = np.full(roomy(need), NEW)
            grown[: len(self.table)] = self.table
            self.table = grown
        self.table[raw] = codes
        self._run = run_of(self.table)

    def place(self, raw: Any, out: Codes) -> bool:
        """Put the code of each raw code, one or more and unsigned, in out; whether all of them were met."""
        (count, first), using = self._run, loops(len(raw))
        if count and int(using.shifted(raw, first, out)) < count:
            return True
        return bool(using.place(raw, self.table, out) != NEW)

    def place_pairs(self, raw: Codes, other: Codes, width: int, out: Codes) -> bool:
        """As `place` with raw * width + other, where other is to be below width."""
        (count, first), using = self._run, loops(len(raw))
        if count:
            most, most_other = using.shifted_pairs(raw, other, np.uint32(width), first, out)
            if int(most_other) < width and (int(most) + 1) * width <= count:
                return True
        return bool(using.place_pairs(raw, other, np.uint64(width), self.table, out) != NEW)

    def unmet(self, raw: Any, out: Codes) -> Any:
        """The distinct raw codes, ascending, that `place` found nothing for."""
        # before anything was learned, all: half a batch of fresh memory, for those that are picked, takes 5 ms
        return distinct(raw if (self.table == NEW).all() else raw[out == NEW])

    def twin(self) -> Lookup:
        """A copy that learns on its own."""
        twin = copy.copy(self)
        twin.table = self.table.copy()
        return twin


def run_of(table: Codes) -> tuple[int, np.uint32]:
    """How many entries of a table, from the first on, are consecutive codes, and the first of them."""
    if not len(table) or table[0] == NEW:
        return 0, np.uint32(0)
    other = np.flatnonzero((table != table[0] + np.arange(len(table), dtype=np.uint32)) | (table == NEW))
    return int(other[0]) if other.size else len(table), table[0]


def distinct(codes: Any) -> Any:
    """The distinct values of unsigned codes, ascending, int64 (uint64 where one is beyond); dense ones unsorted."""
    highest = int(codes.max())
    if highest >= DENSE:
        found = np.unique(codes)
        return found.astype(np.int64) if highest < 2**63 else found
    met = np.zeros(highest + 1, np.uint8)
    loops(len(codes)).mark(codes, met)
    return np.flatnonzero(met)
