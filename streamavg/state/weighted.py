"""Weighted: exact sums of sample weights, where the counts beside them are of rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streamavg.state.sums import Sums, SumTable

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        """The tables by name, in the order in which they are hashed and saved."""
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
        return Weighted(self.labels + other.labels, self.named + other.named, self.row_table + other.row_table)

    def __sub__(self, other: Weighted) -> Weighted:
        return Weighted(self.labels - other.labels, self.named - other.named, self.row_table - other.row_table)

    def total(self, name: str) -> Sums:
        """One of the NAMES, as one exact number."""
        return self.named.at((name,))

    def four(self, labels: Sequence[str]) -> Sums:
        """The weight of TP, FP, FN, TN of these labels in turn, 4 numbers a label; TN is all rows less the others."""
        size = len(labels)
        cells = self.labels.at(labels)
        tp, fp, fn = (cells.at(np.arange(column, 3 * size, 3)) for column in range(3))
        rest = self.total("rows").at(np.zeros(size, np.int64)) - (tp + fp + fn)
        low = min(cells.low if cells.digits else rest.low, rest.low if rest.digits else cells.low)
        digits = max(cells.low + cells.digits, rest.low + rest.digits) - low
        held = np.zeros((size, 4, digits), np.int64)
        held[:, :3, cells.low - low : cells.low - low + cells.digits] = cells.limbs.reshape(size, 3, cells.digits)
        held[:, 3, rest.low - low : rest.low - low + rest.digits] = rest.limbs
        return Sums.of(held.reshape(4 * size, digits), low)

    def matrix(self, labels: Sequence[str]) -> Floats:
        """The weight of TP, FP, FN, TN of these labels, each rounded once from its exact sum; float64 (C, 4)."""
        found = self.four(labels).floats().reshape(len(labels), 4)
        found.flags.writeable = False
        return found

    def first_negative(self, labels: Sequence[str]) -> str | None:
        """What cannot be read: the first label, total or row size with a weight below zero, or None."""
        below = np.flatnonzero(self.four(labels).negative)
        if below.size:
            cell = ("TP", "FP", "FN", "TN")[below[0] % 4]
            return f"label {labels[below[0] // 4]!r} has a {cell} weight below zero"
        for name, under in zip(self.named.keys, self.named.sums.negative.tolist(), strict=True):
            if under:
                return f"the weight of {name} is below zero"
        return "a multilabel row size has a weight below zero" if self.row_table.sums.negative.any() else None
