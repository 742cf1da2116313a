"""Histogram: the counter of scores of a stream of batches, in one layout and one order of classes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.errors import CountOverflowError
from streamavg.state.labels import MOST
from streamavg.state.layout import exact_values
from streamavg.state.scores import Scores
from streamavg.state.slots import graded
from streamavg.state.tables import checked_add, exact_sum
from streamavg.state.witness import EMPTY, MIXED, met, witness_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.state.layout import Layout
    from streamavg.state.tables import Ints
    from streamavg.state.witness import Bits

TILE = 8  # columns copied at once: of float64, a cache line of a row
BLOCK = (
    2032  # rows of a tile: columns 8 kB apart share their lines of the first-level cache, and took three times as long
)
PART = 1 << 14  # cells that are brought to the totals at once
MOST_ROWS = 2**31 - 1  # rows that a hot table takes: its cells are int32
RAW = {"float16": np.uint16, "bfloat16": np.uint16, "uint8": np.uint8, "int8": np.uint8}
SEEN: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.float32): np.dtype(np.uint32),
    np.dtype(np.float64): np.dtype(np.uint64),
}


NO_UNITS: Ints = np.empty(0, np.int64)
NO_FLAGS = np.empty(0, np.uint8)
NO_FLAGS.flags.writeable = False


class Hot:
    """The tables that the loops write: of one type of score, and of rows either counted or retracted.

    cells (labels, 2 * slots): negatives, then positives. `seen` has the first score of each slot, and `pure` a mark
    where it may be the only one; for an exact layout both are empty. patience: see `count_tile`. has_atoms: the first
    slot takes 0 alone and the last takes 1 alone, so that there is nothing to find out about them: a tenth of all
    scores is often there.
    """

    def __init__(self, classes: int, slots: int, seen: np.dtype[Any] | None, has_atoms: bool = False) -> None:
        self.cells = np.zeros((classes, 2 * slots), np.int32)
        self.unseen = seen.type(np.iinfo(seen).max) if seen else np.uint32(0)
        self.seen = np.full((classes, slots if seen else 0), self.unseen)
        self.pure = np.ones(self.seen.shape, np.uint8)
        self.patience = np.zeros((classes, 2), np.int32)
        self.has_atoms = has_atoms
        if has_atoms and seen is not None:
            self.seen[:, [0, -1]] = np.array([0, 1], np.float32).view(seen)
            self.pure[:, [0, -1]] = 0
        self.rows = 0

    def add_to(self, totals: tuple[Ints, Ints, Bits], step: int, layout: Layout) -> None:
        """Bring the counts, times step, and what each slot has met to (every, positive, witness).

        Some labels at a time, whose arrays stay in the second-level cache: 1,000 labels of 1,042 slots in 18 ms, where
        all at once take 70.
        """
        every, positive, witness = totals
        slots = self.cells.shape[1] // 2
        size = max(PART // slots, 1)
        for start in range(0, len(self.cells), size):
            part = slice(start, start + size)
            negatives, positives = self.cells[part, :slots], self.cells[part, slots:]
            every[part] += step * (positives.astype(np.int64) + negatives)
            positive[part] += step * positives.astype(np.int64)
            witness[part] = met(witness[part], self._witness(part, (negatives | positives) != 0, layout))

    def _witness(self, part: slice, touched: Any, layout: Layout) -> Bits:
        """What each slot of some labels has met; touched: those with a count."""
        if layout.exact:
            return np.where(touched, witness_of(exact_values(layout)), EMPTY)
        seen, ends = self.seen[part], [0, -1]
        scores = seen.view(np.float32 if seen.dtype == np.uint32 else np.float64)
        known = np.where(seen == self.unseen, EMPTY, witness_of(scores))
        found = np.where(self.pure[part] == 0, MIXED, known)
        if self.has_atoms:
            found[:, ends] = np.where(touched[:, ends], known[:, ends], EMPTY)
        return found

    def twin(self) -> Hot:
        """A copy that counts on by itself."""
        twin = copy.copy(self)
        twin.cells, twin.seen, twin.pure = self.cells.copy(), self.seen.copy(), self.pure.copy()
        twin.patience = self.patience.copy()
        return twin


class ScoreTable:
    """The scores of a stream, rows and, if asked for, weights and every class against every other.

    Scores must be members of the layout's family: nan, infinities and others are to be taken out before.
    """

    def __init__(self, layout: Layout, labels: Sequence[str], weighted: bool = False, versus: bool = False) -> None:
        shape = (len(labels), layout.slots)
        self.layout, self.labels, self.weighted, self.narrow = layout, tuple(labels), weighted, True
        self.every: Ints = np.zeros(shape, np.int64)
        self.positive: Ints = np.zeros(shape, np.int64)
        self.witness: Bits = np.full(shape, EMPTY)
        self.room: dict[np.dtype[Any], tuple[Any, ...]] = {}
        self.hot: dict[tuple[int, int], Hot] = {}
        self.units: Ints = np.zeros((shape[0], 2 * shape[1]) if weighted else (len(labels), 0), np.int64)
        self.most_units = 0  # no weighted cell is further from zero than this
        self.versus: Ints = np.zeros((len(labels), *shape) if versus else (0, 0, 0), np.int64)

    def count(self, values: Any, true: Any, units: Ints | None = None, step: int = 1) -> None:
        """Count the scores of a batch, or take them away again with step -1.

        values: (rows, classes), float16, float32, float64 or integers, for an exact layout of its type (bfloat16 as
        uint16). true: the code of each row's class, int64 or uint32 (rows,), others than those of a class being none;
        or bool (rows, classes). units: int64 (rows,), the weights, if this table is weighted.
        """
        values, true = np.asarray(values), np.asarray(true)
        self._check_shapes(values, true, units)
        if step not in (1, -1):
            raise ValueError(f"scores are counted or taken away once, not {step} times")
        values = self._typed(values)
        if units is not None:
            self._make_room(units)
        if true.ndim == 1:
            true = true.astype(np.int64, copy=False)
        for start in range(0, len(true), MOST_ROWS):
            part = slice(start, start + MOST_ROWS)
            self._count(values[part], true[part], NO_UNITS if units is None else units[part], step)

    def _check_shapes(self, values: Any, true: Any, units: Ints | None) -> None:
        """ValueError for arrays of which a loop would read what is not there, or what means nothing."""
        shape = (len(true), len(self.labels))
        if (
            values.shape != shape
            or true.shape not in (shape, shape[:1])
            or (units is not None and units.shape != shape[:1])
        ):
            raise ValueError(f"scores of shape {values.shape} for truth of shape {true.shape} and {shape[1]} labels")
        if (units is not None) != self.weighted:
            raise ValueError("a weighted table needs weights with all scores, and another takes none")
        if true.dtype.kind not in ("b" if true.ndim > 1 else "iu") or (self.versus.size and true.ndim > 1):
            raise ValueError(f"truth of type {true.dtype} and shape {true.shape} is neither codes nor flags")

    def _make_room(self, units: Ints) -> None:
        """CountOverflowError if these weights could take a cell out of int64; nothing was counted then."""
        if units.min(initial=0) < 0:
            raise ValueError(f"a weight of {units.min()} units is below zero")
        most = self.most_units + exact_sum(units)
        if most > MOST:
            raise CountOverflowError("the sum of all weights in units of weight_quantum would pass 2**63 - 1")
        self.most_units = most

    def _typed(self, values: Any) -> Any:
        """The scores as the loops take them; ValueError for a type that this layout does not count."""
        kind, exact = values.dtype, self.layout.exact
        if exact and (kind.name == exact or (exact == "bfloat16" and kind == np.uint16)):
            return values.view(RAW[exact])
        if exact or kind.kind not in "fiu" or kind.itemsize > (8 if kind.kind == "f" else 4):
            raise ValueError(f"layout {self.layout.name!r} does not count scores of type {kind}")
        if kind in SEEN:
            self.narrow &= kind == np.float32
            return values
        fits = kind.itemsize <= 2  # float32 holds all of float16 and of 16-bit integers
        self.narrow &= fits
        return values.astype(np.float32 if fits else np.float64)

    def _count(self, values: Any, true: Any, units: Ints, step: int) -> None:
        from streamavg.count.kernels import count_exact, count_scores

        rows, classes = values.shape
        if not values.size:
            return
        hot, room = self._hot(values.dtype, step, rows), self._room(values.dtype)
        hot.rows += rows
        flat, down, across = _flat(values)
        flags, *steps = _flat(true.view(np.uint8)) if true.ndim > 1 else (NO_FLAGS, 0, 0)
        truth = (_still(NO_UNITS if true.ndim > 1 else true), flags)
        shape = np.array([rows, classes, down, across, *steps])
        more = (_still(units), self.units, self.versus, step)
        if self.layout.exact:
            count_exact(flat, truth, shape, self.layout.slots_of_bits(), hot.cells, more, room)
        else:
            grid = graded(self.layout.family, self.layout.size)
            about = (grid.table, grid.half, grid.pivot, grid.flip, hot.unseen)
            tables = (hot.seen, hot.pure, hot.cells, hot.patience)
            count_scores(flat, flat.view(hot.seen.dtype), truth, shape, about, tables, more, room)

    def _hot(self, kind: np.dtype[Any], step: int, rows: int) -> Hot:
        """The hot table for this type and direction, emptied if it could not take so many rows more."""
        key = (kind.itemsize, step)
        if key in self.hot and self.hot[key].rows + rows > MOST_ROWS:
            self._empty()
        if key not in self.hot:
            has_atoms = self.layout.family == "unit" and kind == np.float32 and not self.layout.exact
            self.hot[key] = Hot(len(self.labels), self.layout.slots, SEEN.get(kind), has_atoms)
        return self.hot[key]

    def _room(self, kind: np.dtype[Any]) -> tuple[Any, ...]:
        """Scratch of the loops, kept from batch to batch, for faults on fresh pages would take as long as the count."""
        if kind not in self.room:
            tile = np.empty((min(TILE, len(self.labels)), BLOCK), kind)
            slots, hits = np.empty(BLOCK, np.uint32), np.empty(BLOCK, np.uint8)
            still, rows = _still(tile), np.arange(BLOCK, dtype=np.int32)
            of_slots = (slots.view(np.int32), slots, np.empty(BLOCK + 1, np.int32), rows)
            self.room[kind] = (
                (tile, still, still.view(SEEN.get(kind, kind))),
                of_slots if kind in SEEN else slots,
                (hits, _still(hits), _still(np.zeros(BLOCK, np.uint8))),
            )
        return self.room[kind]

    def _empty(self) -> None:
        """Bring what the hot tables hold to the totals."""
        for (_, step), hot in self.hot.items():
            hot.add_to((self.every, self.positive, self.witness), step, self.layout)
        self.hot = {}

    def state(self) -> Scores:
        """An immutable copy of the rows that were counted."""
        self._empty()
        versus = self.versus if self.versus.size else None
        tables = (self.every.copy(), self.positive.copy(), self.witness.copy())
        return Scores.of(self.layout, self.labels, tables, self.narrow, versus)

    def weighted_state(self) -> Scores:
        """An immutable copy of the weights that were counted."""
        self._empty()
        slots = self.layout.slots
        negative, positive = self.units[:, :slots], self.units[:, slots:]
        tables = (checked_add(negative, positive), positive.copy(), self.witness.copy())
        return Scores.of(self.layout, self.labels, tables, self.narrow)

    def twin(self) -> ScoreTable:
        """A copy that counts on by itself."""
        twin = copy.copy(self)
        self._empty()
        twin.every, twin.positive, twin.witness = self.every.copy(), self.positive.copy(), self.witness.copy()
        twin.units, twin.versus, twin.hot, twin.room = self.units.copy(), self.versus.copy(), {}, {}
        return twin


def _flat(values: Any) -> tuple[Any, int, int]:
    """A two-dimensional array as a flat one with its steps from row to row and from column to column."""
    if values.flags.f_contiguous:
        return _still(values.T.reshape(-1)), 1, len(values)
    return _still(np.ascontiguousarray(values).reshape(-1)), values.shape[1], 1


def _still(array: Any) -> Any:
    """The array as one that cannot be written to, for numba would compile anew for one that can be."""
    array = array.view()
    array.flags.writeable = False
    return array
