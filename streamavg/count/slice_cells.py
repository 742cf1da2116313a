"""Slice cells: the hot table of slices, in bytes with a carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from streamavg.count.small import loops

BLOCK = 4096  # rows whose keys are made, then counted


@dataclass
class Hot:
    """Counts of TP, FP, FN of slices x labels, each its byte in `small` and the rest of it in `big`.

    Labels are codes of the vocabulary (is_words), or integers as they are. No larger than needed: 10,000 slices of 50
    labels just fit the second-level cache of 512 KiB, and are counted twice as fast then. pairs: int32 (labels,
    labels), rows whose prediction is another label than the truth, where the total is to be read from this; else empty.
    """

    is_words: bool
    small: Any
    big: Any
    pairs: Any
    keys: Any
    rows: int = 0

    @staticmethod
    def of(is_words: bool, is_whole: bool, slices: int, labels: int) -> Hot:
        """An empty table."""
        shape, paired = (slices, 3, labels), (labels, labels) if is_whole else (0, 0)
        keys = np.empty((2, BLOCK), np.uint32)
        return Hot(is_words, np.zeros(shape, np.uint8), np.zeros(shape, np.int32), np.zeros(paired, np.int32), keys)

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
        for old, new in ((self.small, made.small), (self.big, made.big)):
            new[: old.shape[0], :, : old.shape[2]] = old
        made.pairs[: len(self.pairs), : len(self.pairs)] = self.pairs
        made.rows = self.rows
        return made

    def count(self, slices: Any, true: Any, pred: Any, bounds: tuple[int, int], step: int) -> int:
        """Add rows whose slice and labels are below the bounds; returns how many, from the first on, before others."""
        wide, (bound, labels) = np.promote_types(true.dtype, pred.dtype), bounds
        t, p = true.astype(wide, copy=False), pred.astype(wide, copy=False)
        sizes = np.array((bound, labels, labels, self.size[1]), np.uint64)
        tables = (self.small.reshape(-1), self.big.reshape(-1), self.pairs.reshape(-1))
        done = int(loops(len(t)).count_slices(slices, t, p, sizes, step < 0, tables, self.keys))
        self.rows += done
        return done

    def cells(self) -> Any:
        """The counts, int32 (3, slices, labels)."""
        return (self.big + self.small).transpose(1, 0, 2)

    def twin(self) -> Hot:
        """A copy."""
        tables = (self.small.copy(), self.big.copy(), self.pairs.copy())
        return Hot(self.is_words, *tables, np.empty_like(self.keys), self.rows)
