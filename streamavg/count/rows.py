"""Rows: the columns of one batch by the part they play."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from streamavg.count.weights import RowWeights


@dataclass(frozen=True)
class Rows:
    """Truth and prediction, each one array or several indicator columns; `first` is the number of the first row.

    pred is empty where scores stand for predictions. weights: what each row counts in sums of weights, None where
    there is no column of them. scores: one array of scores or of lists of them, or one a class; or none.
    """

    true: tuple[pa.Array, ...]
    pred: tuple[pa.Array, ...]
    first: int = 0
    weights: RowWeights | None = None
    scores: tuple[pa.Array, ...] = ()

    def __len__(self) -> int:
        return len(self.true[0])

    def where(self, kept: Any) -> Rows:
        """The rows for which a mask is true; numbered in messages as if they followed each other."""
        if kept.all():
            return self
        mask = pa.array(kept)
        true, pred, scores = (tuple(each.filter(mask) for each in side) for side in (self.true, self.pred, self.scores))
        return Rows(true, pred, self.first, None if self.weights is None else self.weights.at(kept), scores)

    def predicted(self, pred: tuple[pa.Array, ...]) -> Rows:
        """The same rows with these predictions."""
        return replace(self, pred=pred)
