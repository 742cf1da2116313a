"""Score sums: what is added up row by row over the rows with scores: losses, ranks of the truth, bands of score."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from streamavg.state.sums import Sums, SumTable, added_tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from streamavg.state.sums import Floats
    from streamavg.state.tables import Ints

BANDS = 15  # of equal width over [0, 1]
BAND_UNIT = 30  # scores in bands are added in units of 2**-30
RANK_BITS = 21  # classes scored above the true one, then other classes scored like it
CAUSES = ("above", "below", "infinite", "nan")  # why a score is none
LOSSES = (
    "brier",
    "coverage_error",
    "label_ranking_average_precision",
    "label_ranking_loss",
    "log_loss",
    "log_loss_zeros",
    "rows",
    *CAUSES,
)


def _three() -> SumTable:
    return SumTable.zero(3)


@dataclass(frozen=True, eq=False)
class ScoreSums:
    """losses: name -> the exact sum of a float64 a row. ranks: (above << 21 | equal) -> rows. bands: band -> rows,
    positives, sum of score. A commutative group.
    """

    losses: SumTable = field(default_factory=SumTable.zero)
    ranks: SumTable = field(default_factory=SumTable.zero)
    bands: SumTable = field(default_factory=_three)

    @property
    def tables(self) -> dict[str, SumTable]:
        """The tables by name, in the order of the fields, in which they are hashed and saved."""
        return {"losses": self.losses, "ranks": self.ranks, "bands": self.bands}

    @property
    def is_empty(self) -> bool:
        """Whether every sum is zero."""
        return not any(table.keys for table in self.tables.values())

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(table.nbytes for table in self.tables.values())

    def __add__(self, other: ScoreSums) -> ScoreSums:
        return ScoreSums(*added_tables(self.tables.values(), other.tables.values(), 1))

    def __sub__(self, other: ScoreSums) -> ScoreSums:
        return ScoreSums(*added_tables(self.tables.values(), other.tables.values(), -1))

    def negatives(self) -> Iterator[str]:
        """The names of sums below zero."""
        for name, table in self.tables.items():
            for place in np.flatnonzero(table.sums.negative).tolist():
                yield f"{name} of {table.keys[place // table.columns]!r}"

    def loss(self, name: str) -> Fraction:
        """One exact sum; 0 if there is none."""
        return self.losses.at([name]).fraction()

    def bands_table(self) -> Ints | Floats:
        """Rows, positives, and the sum of score in units of 2**-30 of each band, shape (15, 3); float64 if the weights
        of the rows are not whole.
        """
        found = self.bands.at(list(range(BANDS)))
        if found.low < 0:
            return found.floats().reshape(BANDS, 3)
        return np.array(found.integers(), np.int64 if _fits(found) else object).reshape(BANDS, 3)

    def ranks_table(self, rows: Fraction) -> tuple[Ints, Ints, Ints, int]:
        """Classes above the true one, others equal to it, rows of each; and all `rows` in the same unit, for the true
        class of some may have no score.
        """
        keys = np.array(self.ranks.keys, np.int64)
        counts = _whole(self.ranks.sums)
        ranked, whole = self.ranks.sums.total().fraction(), int(counts.sum())
        if rows > ranked:
            whole += round((rows - ranked) * whole / ranked) if ranked else 1
        return keys >> RANK_BITS, keys & ((1 << RANK_BITS) - 1), counts, whole


def _fits(sums: Sums) -> bool:
    """Whether the sums are whole numbers of one digit."""
    return sums.low >= 0 and sums.low + sums.digits <= 1


def _whole(sums: Sums) -> Ints:
    """The sums as whole numbers in proportion: themselves if they are, else in the finest unit that fits int64."""
    if _fits(sums):
        return np.array(sums.integers(), np.int64)
    held = sums.floats()
    unit = 2.0 ** (52 - int(np.frexp(held.sum())[1]))
    return np.rint(held * unit).astype(np.int64)
