"""Refine: the distinct scores of some slots with their positives and negatives, gathered in bounded memory."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from streamavg.errors import InputError
from streamavg.state.slots import graded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamavg.state.layout import Layout
    from streamavg.state.tables import Ints

    Floats = NDArray[Any]  # float32 or float64
    Mask = NDArray[np.bool_]

ENTRY = 48  # bytes that a gathered score takes while all of one class are sorted; measured 33 to 41
WEIGHTED_ENTRY = 80  # the same with a weight beside it; measured 57 to 66
CELLS = 1 << 20  # scores looked at at once


class Distinct(NamedTuple):
    """Distinct scores ascending, and the number of rows of each."""

    scores: Floats
    counts: Ints


class Ranks(NamedTuple):
    """Distinct scores ascending, with the positives and negatives of each."""

    scores: Floats
    positive: Ints
    negative: Ints


class Refiner:
    """Keeps the scores that fall into wanted slots; several threads may count into one."""

    def __init__(self, layout: Layout, wanted: Mask, narrow: bool, most: int) -> None:
        """wanted: (classes, slots); narrow: as of `Scores`; most: scores to keep, each distinct one once."""
        low, high = layout.edges(narrow)
        held = wanted.any(axis=1)
        first, last = wanted.argmax(axis=1), wanted.shape[1] - 1 - wanted[:, ::-1].argmax(axis=1)
        self._low, self._high = np.where(held, low[first], np.inf), np.where(held, high[last], -np.inf)
        self._layout, self._wanted, self._most = layout, wanted, most
        self._parts: dict[tuple[int, bool], list[tuple[Floats, Ints | None]]] = {}
        self._held = 0
        self._lock = threading.Lock()

    def count(self, values: Any, true: Any, units: Ints | None, codes: Sequence[int]) -> None:
        """Take in scores (rows, classes) with their truth: column numbers, or a matrix of booleans.

        units: the weight of each row. codes: the class of each column. InputError if they would be too many to keep.
        """
        size = max(CELLS // max(values.shape[1], 1), 1)
        for start in range(0, len(values), size):
            part = slice(start, start + size)
            self._count(values[part], true[part], None if units is None else units[part], np.asarray(codes))

    def _count(self, values: Any, true: Any, units: Ints | None, codes: Ints) -> None:
        kind: Any = np.float64 if values.dtype.kind != "f" or values.dtype.itemsize == 8 else np.float32
        columns = np.ascontiguousarray(values.T, kind)
        with np.errstate(over="ignore"):  # an edge beyond float32 is an infinity, which is as good
            low, high = (edge[codes].astype(kind)[:, None] for edge in (self._low, self._high))
        at = np.flatnonzero((columns >= low) & (columns <= high))
        scores, column = columns.reshape(-1)[at], at // len(values)
        kept = self._wanted[codes[column], self._slots_of(scores)]
        scores, column, row = scores[kept], column[kept], at[kept] % len(values)
        is_true = true[row, column] if true.ndim > 1 else true[row] == column
        edges = np.searchsorted(column, np.arange(len(codes) + 1)).tolist()
        parts = {}
        for k, code in enumerate(codes.tolist()):
            here = slice(edges[k], edges[k + 1])
            for side in (True, False) if edges[k] < edges[k + 1] else ():
                those = is_true[here] == side
                if those.any():
                    parts[code, side] = scores[here][those], None if units is None else units[row[here][those]]
        self._add(parts)

    def _slots_of(self, scores: Floats) -> NDArray[np.uint32]:
        from streamavg.count.kernels import fold, look_up

        grid = graded(self._layout.family, self._layout.size)
        folded, slots = np.empty(len(scores), np.int32), np.empty(len(scores), np.uint32)
        fold(scores, grid.half, grid.pivot, grid.flip, folded)
        look_up(folded.view(np.uint32), grid.table, slots)
        return slots

    def _add(self, parts: dict[tuple[int, bool], tuple[Floats, Ints | None]]) -> None:
        with self._lock:
            for key, part in parts.items():
                self._parts.setdefault(key, []).append(part)
                self._held += len(part[0])
            if self._held > self._most:
                self._held = sum(len(self._merged(key).scores) for key in list(self._parts))
            if self._held > self._most:
                raise InputError(
                    f"the exact areas need more than {self._most:,} distinct scores of one slot in memory; "
                    "give it more with exact_memory (--exact-memory)"
                )

    def _merged(self, key: tuple[int, bool]) -> Distinct:
        """All of a class and side in order, each score once."""
        parts = self._parts.pop(key, [])
        if not parts:
            return Distinct(np.empty(0), np.empty(0, np.int64))
        scores, counts = np.concatenate([part[0] for part in parts]), None
        if any(part[1] is not None for part in parts):
            each = [np.ones(len(part[0]), np.int64) if part[1] is None else part[1] for part in parts]
            counts = np.concatenate(each)
        parts.clear()
        merged = _distinct(scores, counts)
        self._parts[key] = [merged]
        return merged

    def of_class(self, code: int) -> tuple[Distinct, Distinct]:
        """What was gathered of a class: positives and negatives."""
        return self._merged((code, True)), self._merged((code, False))


def _distinct(scores: Floats, counts: Ints | None) -> Distinct:
    """The scores in order, each once, with how often it came; `scores` itself is sorted on the way."""
    if counts is None:
        scores.sort()
    else:
        order = np.argsort(scores)
        scores, counts = scores[order], counts[order]
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    summed = np.diff(starts, append=len(scores)) if counts is None else np.add.reduceat(counts, starts)
    return Distinct(scores[starts], summed)


def ranks_of(positives: Sequence[Distinct], negatives: Sequence[Distinct]) -> Ranks:
    """All together in order, each score once."""
    both = [*positives, *negatives]
    scores = np.concatenate([each.scores for each in both])
    if not len(scores):
        return Ranks(scores, np.empty(0, np.int64), np.empty(0, np.int64))
    counts = np.concatenate([each.counts for each in both])
    side = np.arange(len(scores)) < sum(len(each.scores) for each in positives)
    order = np.argsort(scores, kind="stable")  # of runs in order, which it merges
    scores, counts, side = scores[order], counts[order], side[order]
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    positive, negative = (np.add.reduceat(np.where(those, counts, 0), starts) for those in (side, ~side))
    return Ranks(scores[starts], positive, negative)
