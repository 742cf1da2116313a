"""Rows: the columns of one batch by the part they play."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.count.weights import RowWeights


@dataclass(frozen=True)
class Rows:
    """Truth and prediction, each one array or several indicator columns; `first` is the number of the first row.

    pred is empty where scores stand for predictions. weights: what each row counts in sums of weights, None where
    there is no column of them. scores: one array of scores or of lists of them, or one a class; or none. slices:
    uint32, the code of each row's slice; None where rows are not told apart.
    """

    true: tuple[pa.Array, ...]
    pred: tuple[pa.Array, ...]
    first: int = 0
    weights: RowWeights | None = None
    scores: tuple[pa.Array, ...] = ()
    slices: Any = None

    def __len__(self) -> int:
        return len(self.true[0])

    def where(self, kept: Any) -> Rows:
        """The rows for which a mask is true; numbered in messages as if they followed each other."""
        if kept.all():
            return self
        mask = pa.array(kept)
        return self._changed(lambda array: array.filter(mask), kept)

    def taken(self, order: Any) -> Rows:
        """The rows at these places, in this order."""
        places = pa.array(order)
        return self._changed(lambda array: _taken(array, places), order)

    def part(self, start: int, end: int) -> Rows:
        """The rows from `start` to before `end`."""
        return self._changed(lambda array: array.slice(start, end - start), slice(start, end))

    def _changed(self, change: Callable[[pa.Array], pa.Array], index: Any) -> Rows:
        true, pred, scores = (tuple(map(change, side)) for side in (self.true, self.pred, self.scores))
        weights = None if self.weights is None else self.weights.at(index)
        return Rows(true, pred, self.first, weights, scores, None if self.slices is None else self.slices[index])

    def predicted(self, pred: tuple[pa.Array, ...]) -> Rows:
        """The same rows with these predictions."""
        return replace(self, pred=pred)


def _taken(array: pa.Array, places: pa.Array) -> pa.Array:
    """Rows of an array at these places; of views, which Arrow cannot take, in a type that it can."""
    try:
        return array.take(places)
    except pa.ArrowNotImplementedError:
        return pa.chunked_array([array.slice(place, 1) for place in places.to_pylist()], array.type).combine_chunks()
