"""Refine: the distinct scores of some slots with their positives and negatives, gathered in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

ENTRY = 96  # bytes that a gathered score takes while it is sorted: class, score, two counts, the order, and copies


@dataclass
class Gathered:
    """Distinct (class, score) pairs ascending, with the positives and negatives of each."""

    classes: Ints
    scores: Floats
    positive: Ints
    negative: Ints

    @staticmethod
    def of(classes: Any, scores: Any, positive: Any, negative: Any) -> Gathered:
        """The pairs in order, each once; equal ones are summed."""
        order = np.lexsort((scores, classes))
        classes, scores = classes[order], scores[order]
        starts = np.flatnonzero(np.r_[True, (classes[1:] != classes[:-1]) | (scores[1:] != scores[:-1])])
        if not len(classes):
            starts = starts[:0]
        sums = (np.add.reduceat(each[order], starts) if len(starts) else each[:0] for each in (positive, negative))
        return Gathered(classes[starts], scores[starts], *sums)

    def __len__(self) -> int:
        return len(self.scores)

    def of_class(self, code: int) -> tuple[Floats, Ints, Ints]:
        """The scores of one class ascending, and their counts."""
        part = slice(*np.searchsorted(self.classes, (code, code + 1)).tolist())
        return self.scores[part], self.positive[part], self.negative[part]

    def pooled(self) -> tuple[Floats, Ints, Ints]:
        """The scores of all classes as one ranking."""
        one = Gathered.of(np.zeros(len(self), np.int64), self.scores, self.positive, self.negative)
        return one.scores, one.positive, one.negative


def joined(parts: list[Gathered]) -> Gathered:
    """All parts as one."""
    columns = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("classes", "scores", "positive", "negative")
    )
    return Gathered.of(*columns)


class Refiner:
    """Takes the rows that a score table takes, and keeps the scores that fall into wanted slots."""

    def __init__(self, slots_of: Callable[[Any], Any], wanted: Mask, most: int) -> None:
        """`slots_of` maps a matrix of scores to their slots; wanted (classes, slots); most: distinct scores to keep."""
        self._slots_of, self._wanted, self._most = slots_of, wanted, most
        self._parts: list[Gathered] = []
        self._held = 0

    def count(self, values: Any, true: Any, units: Any, step: int) -> None:
        """Gather the scores (rows, classes) with the truth: codes of classes, or a matrix of booleans."""
        classes = values.shape[1]
        is_true = true if true.ndim == 2 else true[:, None] == np.arange(classes)
        slots = self._slots_of(values)
        for code in range(classes):
            taken = np.flatnonzero(self._wanted[code][slots[:, code]])
            if not taken.size:
                continue
            weight = np.full(len(taken), step, np.int64) if units is None else units[taken] * step
            positive = np.where(is_true[taken, code], weight, 0)
            scores = values[taken, code].astype(np.float64) + 0.0  # -0.0 is 0.0
            self._add(Gathered.of(np.full(len(taken), code), scores, positive, weight - positive))

    def _add(self, part: Gathered) -> None:
        self._parts.append(part)
        self._held += len(part)
        if self._held > self._most:
            self._parts = [joined(self._parts)]
            self._held = len(self._parts[0])
            if self._held > self._most:
                raise InputError(
                    f"the exact AUC needs more than {self._most:,} distinct scores of one slot in memory "
                    f"({self._most * ENTRY / 2**20:,.0f} MiB); give it more with --exact-memory"
                )

    def gathered(self) -> Gathered:
        """All that was gathered."""
        nothing = np.empty(0, np.int64)
        return joined([Gathered(nothing, np.empty(0), nothing, nothing), *self._parts])
