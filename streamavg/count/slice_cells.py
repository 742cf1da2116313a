"""Slice cells: the hot table of slices, in bytes with a carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from streamavg.count.small import loops

BLOCK = 1024  # rows whose keys are made, then counted: their columns, keys and places of wrong rows take 20 KB
PART = 4096  # slices of a table that are looked at at once


@dataclass
class Hot:
    """Counts of TP, FP, FN of slices x labels, each its byte in `small` and the rest of it in `big`.

    Labels are codes of the vocabulary (is_words), or integers as they are. No larger than needed: 10,000 slices of 50
    labels just fit the second-level cache of 512 KiB, and are counted twice as fast then. pairs: int32 (labels,
    labels), rows whose prediction is another label than the truth, where the total is to be read from this; else empty.
    carried: [0] as long as `big` is nothing but zeros, memory that was never touched and need not be.
    """

    is_words: bool
    small: Any
    big: Any
    pairs: Any
    carried: Any
    keys: Any
    rows: int = 0

    @staticmethod
    def of(is_words: bool, is_whole: bool, slices: int, labels: int) -> Hot:
        """An empty table."""
        shape, paired = (slices, 3, labels), (labels, labels) if is_whole else (0, 0)
        keys = np.empty((2, BLOCK), np.uint32)
        tables = (np.zeros(shape, np.uint8), np.zeros(shape, np.int32), np.zeros(paired, np.int32))
        return Hot(is_words, *tables, np.zeros(1, np.uint8), keys)

    @property
    def is_whole(self) -> bool:
        """Whether the total is to be read from this table."""
        return bool(self.pairs.size)

    @property
    def size(self) -> tuple[int, int]:
        """How many slices and labels it has room for."""
        slices, _, labels = self.big.shape
        return slices, labels

    def grown(self, slices: int, labels: int) -> Hot:
        """The same counts with room for so many, and for half as many again where it has to grow."""
        pairs = zip((slices, labels), self.size, strict=True)
        made = Hot.of(
            self.is_words, self.is_whole, *(have if need <= have else max(need, have * 3 // 2) for need, have in pairs)
        )
        made.add(self)
        return made

    def count(self, slices: Any, true: Any, pred: Any, bounds: tuple[int, int], step: int) -> int:
        """Add rows whose slice and labels are below the bounds; returns how many, from the first on, before others."""
        wide, (bound, labels) = np.promote_types(true.dtype, pred.dtype), bounds
        t, p = true.astype(wide, copy=False), pred.astype(wide, copy=False)
        sizes = np.array((bound, labels, labels, self.size[1]), np.uint64)
        tables = (self.small.reshape(-1), self.big.reshape(-1), self.pairs.reshape(-1), self.carried)
        done = int(loops(len(t)).count_slices(slices, t, p, sizes, step < 0, tables, self.keys))
        self.rows += done
        return done

    def add(self, other: Hot) -> None:
        """Add the counts of a table that is not larger, and whose codes mean the same."""
        slices, labels = other.size
        for start in range(0, slices, PART):
            part = slice(start, min(start + PART, slices))
            small, big = self.small[part, :, :labels], self.big[part, :, :labels]
            total = small + other.small[part]
            if (over := total < small).any():
                big[over] += 256
                self.carried[0] = 1
            small[:] = total
            if other.carried[0]:
                big += other.big[part]
                self.carried[0] = 1
        self.pairs[:labels, :labels] += other.pairs
        self.rows += other.rows

    def cells(self) -> Any:
        """The counts, uint8 or int32 (3, slices, labels), good until rows are counted."""
        if not self.carried[0]:
            return self.small.transpose(1, 0, 2)
        for start in range(0, len(self.big), PART):  # not one sum of all, in memory that was never touched
            part = slice(start, start + PART)
            self.big[part] += self.small[part]
            self.small[part] = 0
        return self.big.transpose(1, 0, 2)

    def used(self) -> tuple[Any, Any]:
        """The slices with a count, and the labels."""
        table = self.cells()
        slices, labels = np.zeros(table.shape[1], bool), np.zeros(table.shape[2], bool)
        for start in range(0, len(slices), PART):
            tp, fp, fn = table[:, start : start + PART]
            met = (tp | fp | fn) != 0
            slices[start : start + PART], labels = met.any(axis=1), labels | met.any(axis=0)
        return np.flatnonzero(slices), np.flatnonzero(labels)

    def twin(self) -> Hot:
        """A copy."""
        twin = Hot.of(self.is_words, self.is_whole, *self.size)
        twin.add(self)
        return twin
