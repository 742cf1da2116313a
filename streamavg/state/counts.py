"""Counts: label -> (TP, FP, FN), the table that every count metric is read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamavg.state.tables import checked_add, checked_negative, frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.state.tables import Ints

TP, FP, FN = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Counts:
    """Labels by code point with their TP, FP, FN; a label whose cells are all zero is not held. A commutative group.

    TN is not stored: it is rows - TP - FP - FN, so states with different labels add up without padding.
    """

    labels: tuple[str, ...]
    cells: Ints

    @staticmethod
    def zero() -> Counts:
        """The counts without labels."""
        return Counts((), frozen(np.empty((0, 3), np.int64)))

    @staticmethod
    def of(labels: Sequence[str], cells: Ints) -> Counts:
        """The counts of these labels, each given once, in any order; shape (C, 3) int64."""
        keep = np.flatnonzero(cells.any(axis=1)).tolist()
        keep.sort(key=labels.__getitem__)
        return Counts(tuple(labels[k] for k in keep), frozen(cells[keep]))

    def __add__(self, other: Counts) -> Counts:
        if self.labels == other.labels:
            return self._without_zeros(self.labels, checked_add(self.cells, other.cells))
        union = tuple(sorted({*self.labels, *other.labels}))
        return self._without_zeros(union, checked_add(self.at(union), other.at(union)))

    @staticmethod
    def _without_zeros(labels: tuple[str, ...], cells: Ints) -> Counts:
        keep = np.any(cells, axis=1)
        if not keep.all():
            labels = tuple(label for label, kept in zip(labels, keep.tolist(), strict=True) if kept)
            cells = cells[keep]
        return Counts(labels, frozen(cells))

    def __neg__(self) -> Counts:
        return Counts(self.labels, frozen(checked_negative(self.cells)))

    def __sub__(self, other: Counts) -> Counts:
        return self + -other

    def at(self, labels: Sequence[str]) -> Ints:
        """The cells of these labels in this order, zeros where a label is not held; shape (len(labels), 3) int64."""
        place = {label: k for k, label in enumerate(self.labels)}
        padded = np.concatenate((self.cells, np.zeros((1, 3), np.int64)))
        return padded[[place.get(label, -1) for label in labels]]
