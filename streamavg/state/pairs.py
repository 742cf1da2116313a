"""Pairs: how often each label was answered by each label; a hint, beside the state and never part of its identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamavg.state.labels import MOST
from streamavg.state.tables import KeyTable, frozen

if TYPE_CHECKING:
    from streamavg.state.tables import Ints

NO_LABEL = -1  # the prediction was null or a label outside the declared ones
MOST_LABELS = 512  # a counted term with more labels loses its pairs unless confusion=True


@dataclass(frozen=True, eq=False)
class Pairs:
    """(truth, prediction) -> rows for single-label tasks; codes index `labels`, NO_LABEL stands for no prediction."""

    labels: tuple[str, ...]
    table: KeyTable

    @staticmethod
    def zero() -> Pairs:
        """No pairs yet."""
        return Pairs((), KeyTable.zero())

    @staticmethod
    def of(labels: tuple[str, ...], y_true: Ints, y_pred: Ints, counts: Ints) -> Pairs:
        """Pairs from codes into `labels`; they may repeat. y_pred may hold NO_LABEL."""
        width, most = len(labels) + 1, int(np.abs(counts).max(initial=0))
        if len(labels) > MOST_LABELS or not 0 <= most <= MOST // max(len(counts), 1):
            return Pairs(labels, KeyTable.of((y_true << 32) | (y_pred + 1), counts))
        cells = np.zeros(len(labels) * width, np.int64)  # sorted without sorting: a sixth of the time for 65,536 pairs
        np.add.at(cells, y_true * width + y_pred + 1, counts)
        held = np.flatnonzero(cells)
        return Pairs(labels, KeyTable(frozen(held // width << 32 | held % width), frozen(cells[held])))

    def codes(self) -> tuple[Ints, Ints]:
        """The codes of truth and of prediction (NO_LABEL where there is none), a pair an entry of `table`."""
        return self.table.keys >> 32, (self.table.keys & 0xFFFFFFFF) - 1

    def __add__(self, other: Pairs) -> Pairs:
        if self.labels == other.labels:
            return Pairs(self.labels, self.table + other.table)
        union = tuple(sorted({*self.labels, *other.labels}))
        return Pairs(union, self._rekeyed(union) + other._rekeyed(union))

    def _rekeyed(self, labels: tuple[str, ...]) -> KeyTable:
        place = {label: k for k, label in enumerate(labels)}
        new = np.array([*(place[label] for label in self.labels), NO_LABEL], np.int64)
        y_true, y_pred = self.codes()
        return Pairs.of(labels, new[y_true], new[y_pred], self.table.counts).table

    def __neg__(self) -> Pairs:
        return Pairs(self.labels, -self.table)

    def __sub__(self, other: Pairs) -> Pairs:
        return self + -other
