"""Rows: the columns of one batch by the part they play."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.count.weights import RowWeights


@dataclass(frozen=True)
class Rows:
    """Truth and prediction, each one array or several indicator columns; `first` is the number of the first row.

    weights: what each row counts in sums of weights; None where there is no column of them.
    """

    true: tuple[pa.Array, ...]
    pred: tuple[pa.Array, ...]
    first: int = 0
    weights: RowWeights | None = None

    def __len__(self) -> int:
        return len(self.true[0])
