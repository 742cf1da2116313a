"""Weighted: the counters of sample weights, in the vocabulary codes of the labels that are counted beside them."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.exact import ExactTable
from streamavg.count.vocabulary import FIRST
from streamavg.state.rowtable import pack
from streamavg.state.sums import Sums, SumTable
from streamavg.state.weighted import Weighted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.count.weights import RowWeights

# TP, FP, FN of code c are cells 3 c, 3 c + 1, 3 c + 2; those of NULL and UNKNOWN hold what has no label
UNANSWERED, ABSTAINED, ROWS, OTHER = 1, 2, 3, 4
NAMED = {"unanswered": UNANSWERED, "null_pred": ABSTAINED, "other": OTHER}
_BLOCK = 1 << 16  # rows whose cells are made, then added
_DENSE = 1 << 22  # row sizes are numbered by a table up to this size, above by sorting


class PairWeights:
    """Weights of rows with one label: label x (TP, FP, FN), no answer, unknown answer, abstained."""

    def __init__(self, abstain: bool) -> None:
        self._abstain = abstain
        self._cells = ExactTable()

    def add(self, y_true: Any, y_pred: Any, weights: RowWeights, step: int, size: int) -> None:
        """Add step * weight of each (truth, prediction) row of vocabulary codes below `size`, whole or not at all."""
        from streamavg.count.kernels import split_pairs

        for terms in weights.terms:
            self._cells.make_room(3 * size, terms)
        cells, wrong = np.empty((2, min(_BLOCK, len(y_true))), np.uint32)
        apart = np.empty(len(cells))
        for terms in weights.terms:
            for start in range(0, len(terms), _BLOCK):
                t, p, part = (each[start : start + _BLOCK] for each in (y_true, y_pred, terms))
                k = split_pairs(t, p, part, self._abstain, cells, wrong, apart)
                self._cells.put(cells[: len(part)], part, step)
                self._cells.put(wrong[:k], apart[:k], step)

    def twin(self) -> PairWeights:
        """A copy that adds on its own."""
        twin = copy.copy(self)
        twin._cells = self._cells.twin()
        return twin

    def state(self, labels: Sequence[str]) -> Weighted:
        """An immutable copy of all sums, of these labels by code."""
        sums = self._cells.sums()
        held = _label_table(sums, labels)
        cells = np.arange(3 * len(held.keys))
        named = {name: _cell(sums, cell) for name, cell in NAMED.items()}
        named["rows"] = held.sums.at(cells[cells % 3 != 1]).total()  # each scored row is a TP or an FN
        return Weighted(held, _named_table(named))


class SetWeights:
    """Weights of rows with label sets: label x (TP, FP, FN), rows, no answer, unknown labels, and the row table."""

    def __init__(self, abstain: bool, samples: bool) -> None:
        self._missing = ABSTAINED if abstain else UNANSWERED
        self._samples = samples
        self._cells, self._sizes = ExactTable(), ExactTable()
        self._places: dict[int, int] = {}  # packed sizes of a row -> its number in the table of sizes

    def add(self, cells: Any, rows: Any, weights: RowWeights, scored: Any, missing: Any, step: int, size: int) -> None:
        """Add step * weights[rows[i]] to cell[i], and of scored and missing rows (masks) to theirs; cells below size.

        InputError, nothing added, if that would need too much memory.
        """
        for terms in weights.terms:
            self._cells.make_room(size, terms)
        for terms in weights.terms:
            self._cells.put(cells, terms[rows], step)
            self._cells.put(ROWS, terms[scored], step)
            self._cells.put(self._missing, terms[missing], step)

    def make_room(self, weights: RowWeights, scored: Any, sizes: Any) -> Any:
        """The number of each scored row's sizes (3, rows) in their table, which will have room for its weights."""
        if not self._samples:
            return None
        numbers = self._numbers(sizes[:, scored].astype(np.int64))
        for terms in weights.terms:
            self._sizes.make_room(len(self._places), terms)
        return numbers

    def add_sizes(self, numbers: Any, weights: RowWeights, scored: Any, step: int) -> None:
        """Add step * weight of each scored row to that of its sizes, as make_room has numbered them."""
        for terms in weights.terms if numbers is not None else ():
            self._sizes.put(numbers, terms[scored], step)

    def _numbers(self, sizes: Any) -> Any:
        base = int(sizes.max(initial=0)) + 1
        if base**3 <= _DENSE:
            codes = (sizes[0] * base + sizes[1]) * base + sizes[2]
            place = np.zeros(base**3, np.uint32)
            place[codes] = 1
            held = np.flatnonzero(place)
            place[held] = self._known(pack(held // base**2, held // base % base, held % base))
            return place[codes]
        keys, codes = np.unique(pack(*sizes), return_inverse=True)
        return self._known(keys)[codes]

    def _known(self, keys: Any) -> Any:
        places = self._places
        return np.array([places.setdefault(key, len(places)) for key in keys.tolist()], np.uint32)

    def twin(self) -> SetWeights:
        """A copy that adds on its own."""
        twin = copy.copy(self)
        twin._cells, twin._sizes, twin._places = self._cells.twin(), self._sizes.twin(), dict(self._places)
        return twin

    def state(self, labels: Sequence[str]) -> Weighted:
        """An immutable copy of all sums, of these labels by code."""
        sums = self._cells.sums()
        named = {name: _cell(sums, cell) for name, cell in {**NAMED, "rows": ROWS}.items()}
        sizes = self._sizes.sums().at([k if k < len(self._sizes) else -1 for k in range(len(self._places))])
        table = SumTable.of(tuple(self._places), sizes)
        return Weighted(_label_table(sums, labels), _named_table(named), table)


def _label_table(sums: Sums, labels: Sequence[str]) -> SumTable:
    places = np.arange(3 * FIRST, 3 * (FIRST + len(labels)))
    return SumTable.of(labels, sums.at(np.where(places < len(sums), places, -1)), 3)


def _cell(sums: Sums, cell: int) -> Sums:
    return sums.at([cell if cell < len(sums) else -1])


def _named_table(named: dict[str, Any]) -> SumTable:
    total = SumTable.zero()
    for name, number in named.items():
        total += SumTable.of((name,), number)
    return total
