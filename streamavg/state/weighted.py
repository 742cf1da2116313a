"""Weighted: exact sums of sample weights, where the counts beside them are of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streamavg.state.sums import Sums, SumTable, added_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from streamavg.state.sums import Floats

# scored rows; those without an answer; answers outside the declared labels; rows skipped for want of a usable answer
NAMES = ("invalid_score", "null_pred", "other", "rows", "unanswered")


@dataclass(frozen=True, eq=False)
class Weighted:
    """labels: label -> weight of its TP, FP, FN; named: one of NAMES -> weight; row_table: as the counts' one.

    A commutative group.
    """

    labels: SumTable = field(default_factory=lambda: SumTable.zero(3))
    named: SumTable = field(default_factory=SumTable.zero)
    row_table: SumTable = field(default_factory=SumTable.zero)

    @property
    def tables(self) -> dict[str, SumTable]:
        """The tables by name, in the order of the fields, in which they are hashed and saved."""
        return {"label": self.labels, "named": self.named, "row": self.row_table}

    @property
    def is_empty(self) -> bool:
        """Whether every weight is zero."""
        return not any(table.keys for table in self.tables.values())

    @property
    def nbytes(self) -> int:
        """Bytes of the sums and their keys."""
        return sum(table.nbytes for table in self.tables.values())

    def __add__(self, other: Weighted) -> Weighted:
        return Weighted(*added_tables(self.tables.values(), other.tables.values(), 1))

    def __sub__(self, other: Weighted) -> Weighted:
        return Weighted(*added_tables(self.tables.values(), other.tables.values(), -1))

    def total(self, name: str) -> Sums:
        """One of the NAMES, as one exact number."""
        return self.named.at((name,))

    def weight(self, name: str) -> Fraction:
        """One of the NAMES, exactly."""
        return self.total(name).fraction()

    def four(self, labels: Sequence[str]) -> Sums:
        """The weight of TP, FP, FN, TN of these labels in turn, 4 numbers a label; TN is all rows less the others."""
        size = len(labels)
        cells = self.labels.at(labels)
        rows = self.total("rows")
        parts = [part for part in (cells, rows) if part.digits]
        low = min((part.low for part in parts), default=0)
        digits = max((part.low + part.digits for part in parts), default=0) - low
        held = np.zeros((size, 4, digits), np.int64)
        if rows.digits:
            held[:, 3, rows.low - low : rows.low - low + rows.digits] = rows.limbs
        if cells.digits:
            window = slice(cells.low - low, cells.low - low + cells.digits)
            held[:, :3, window] = cells.limbs.reshape(size, 3, cells.digits)
            held[:, 3, window] -= held[:, :3, window].sum(axis=1)
        return Sums.of(held.reshape(4 * size, digits), low)

    def first_negative(self, labels: Sequence[str], four: Sums) -> str | None:
        """What cannot be read: the first label, total or row size with a weight below zero, or None; four: of these."""
        below = np.flatnonzero(four.negative)
        if below.size:
            cell = ("TP", "FP", "FN", "TN")[below[0] % 4]
            return f"label {labels[below[0] // 4]!r} has a {cell} weight below zero"
        for name, under in zip(self.named.keys, self.named.sums.negative.tolist(), strict=True):
            if under:
                return f"the weight of {name} is below zero"
        return "a multilabel row size has a weight below zero" if self.row_table.sums.negative.any() else None


def matrix_of(four: Sums) -> Floats:
    """The weight of TP, FP, FN, TN of each label, rounded once from the exact sum; float64 (C, 4)."""
    found = four.floats().reshape(-1, 4)
    found.flags.writeable = False
    return found
