"""The counter of label sets: indicators by population counts, lists of labels row by row, both into one state."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count import indicators
from streamavg.count.columns import Column
from streamavg.count.indicators import Indicators
from streamavg.count.lists import is_set, unnested
from streamavg.count.texts import validated
from streamavg.count.vocabulary import FIRST, NULL, Vocabulary
from streamavg.count.weighted import SetWeights
from streamavg.errors import InputError
from streamavg.state.counts import FP, Counts
from streamavg.state.rowtable import pack
from streamavg.state.state import State
from streamavg.state.tables import KeyTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.count.limits import Limits
    from streamavg.count.selection import Chosen
    from streamavg.count.weights import RowWeights
    from streamavg.state.config import Config
    from streamavg.state.tables import Ints

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Sizes = np.ndarray[Any, np.dtype[np.int32]]

MOST_IN_A_ROW = 2**21 - 1  # what the packed key of the row table holds


@dataclass
class Sets:
    """lengths int64 (rows,): labels of each row; codes: vocabulary codes row after row; null (rows,): no set at all."""

    lengths: Any
    codes: Any
    null: Mask

    def rows_with(self, marked: Mask) -> Mask:
        """The rows that hold a marked code."""
        found = np.zeros(len(self.lengths), bool)
        if marked.any():
            found[np.repeat(np.arange(len(found)), self.lengths)[marked]] = True
        return found

    def without(self, rows: Mask) -> Sets:
        """The same with the sets of these rows empty."""
        if not rows.any():
            return self
        kept = ~np.repeat(rows, self.lengths)
        return Sets(np.where(rows, 0, self.lengths), self.codes[kept], self.null)


class SetCounter:
    """Counts pairs of label-set columns; an error leaves it as it was. Not safe for several threads at once."""

    def __init__(self, sides: tuple[Chosen, Chosen], config: Config, limits: Limits) -> None:
        self.sides, self.config, self.limits = sides, config, limits
        # open even when labels are declared: each distinct unknown label of a row counts by itself
        self.vocabulary = Vocabulary(config.labels, closed=False)
        self._declared = np.arange(FIRST, FIRST + len(config.labels))
        self._known = len(config.labels) if config.unknown != "grow" else None
        self.cells: Ints = np.zeros((64, 3), np.int64)
        self.row_table = KeyTable.zero()
        self.named = dict.fromkeys(("null_true", "unknown_true", "null_pred", "unanswered", "other"), 0)
        self.rows = 0
        self._marks: Ints = np.full((64, 2), -1, np.int64)
        self._marked = 0
        weighted = config.sample_weight
        self._weights = SetWeights(config.null_pred == "abstain", config.samples) if weighted else None

    def count(
        self, y_true: Sequence[pa.Array], y_pred: Sequence[pa.Array], step: int, weights: RowWeights | None = None
    ) -> None:
        """Add (step 1) or take away (step -1) rows, whole or not at all; several arrays are indicator columns.

        weights are there if the options say so.
        """
        if not len(y_true[0]):
            return
        true, pred = self.read(y_true, self.sides[0]), self.read(y_pred, self.sides[1])
        if weights is None and isinstance(true, Indicators) and isinstance(pred, Indicators):
            self._count_indicators(true, pred, step)
        else:
            self._count_sets(self._sets(true), self._sets(pred), step, weights)
        if len(self.vocabulary) - FIRST > self.limits.max_labels:
            try:
                self.limits.check(int(self.cells.any(axis=1).sum()), None, self.config)
            except InputError:
                self.count(y_true, y_pred, -step, weights)
                raise

    def read(self, arrays: Sequence[pa.Array], side: Chosen) -> Indicators | Sets:
        array, names = arrays[0], side.columns
        if side.is_several:
            return indicators.from_columns(arrays, names)
        if pa.types.is_null(array.type):
            return Sets(np.zeros(len(array), np.int64), np.empty(0, np.uint32), np.ones(len(array), bool))
        if not is_set(array.type):
            raise InputError(
                f"column {names[0]!r} has one label a row ({array.type}) but the task is multilabel; "
                "give lists of labels, or several indicator columns"
            )
        if indicators.is_indicator(array.type):
            if array.type.list_size != len(self._declared):
                raise InputError(
                    f"column {names[0]!r} has {array.type.list_size} indicators a row, expected {len(self._declared)}"
                )
            return indicators.from_list(array, names[0])
        return self._read_lists(array, names[0])

    def _read_lists(self, array: pa.Array, name: str) -> Sets:
        kind = array.type
        if pa.types.is_fixed_size_list(kind) and pa.types.is_floating(kind.value_type):
            raise InputError(f"column {name!r} has type {kind}; it looks like scores; threshold them first")
        lengths, flat, null = unnested(validated(array, name, full=True))
        if int(lengths.sum()) != len(flat):
            raise InputError(f"column {name!r} is a damaged Arrow array: its lists do not cover its values")
        codes = Column(name, self.vocabulary).words(flat).values if len(flat) else np.empty(0, np.uint32)
        if lengths.size and lengths.max() > MOST_IN_A_ROW:
            raise InputError(f"column {name!r}: a row has {lengths.max()} labels; at most {MOST_IN_A_ROW} are counted")
        sets = Sets(lengths, codes, null)
        holes = codes == NULL
        if holes.any():
            sets.null = null | sets.rows_with(holes)
        return sets

    def _sets(self, read: Indicators | Sets) -> Sets:
        if isinstance(read, Sets):
            return read
        lengths, labels = read.sets()
        return Sets(lengths, self._declared[labels].astype(np.uint32), ~read.mask())

    def _count_indicators(self, true: Indicators, pred: Indicators, step: int) -> None:
        from streamavg.count.kernels import count_bits

        both = true.valid & pred.valid
        missing = _ones(true.valid) - _ones(both)
        self._refuse_missing(missing)
        kept = both if self.config.null_pred == "abstain" else true.valid
        y_true, y_pred = true.words, pred.words
        if _ones(both) < true.rows:  # else the words are used as they are: a copy takes as long as the count
            y_true, y_pred = y_true & kept, y_pred & both
        self._make_room()
        for code, t, p in zip(self._declared.tolist(), y_true, y_pred, strict=True):
            in_true, in_pred, in_both = (int(count) for count in count_bits(t, p))
            self.cells[code] += np.array((in_both, in_pred - in_both, in_true - in_both)) * step
        if self.config.samples:
            self._count_rows(indicators.row_sizes(y_true, y_pred), kept, step)
        self._tally(true.rows - _ones(true.valid), 0, missing, step)
        self.rows += _ones(kept) * step

    def _count_sets(self, true: Sets, pred: Sets, step: int, weights: RowWeights | None) -> None:
        limit = len(self.vocabulary) if self._known is None else FIRST + self._known
        unknown = true.rows_with(true.codes >= limit) & ~true.null
        skipped = true.null | unknown
        missing = pred.null & ~skipped
        pred = pred.without(skipped | pred.null)
        self._refuse_missing(int(missing.sum()))
        if self.config.unknown == "error" and (unknown.any() or (pred.codes >= limit).any()):
            self._settle()
            raise InputError("rows have a label outside the declared labels, and unknown is 'error'")
        if self.config.null_pred == "abstain":
            skipped |= missing
        true = true.without(skipped)
        self._make_room()
        sizes = self._count_scored(true, pred, ~skipped, missing, step, weights)
        if self.config.samples:
            self._count_rows(sizes, np.packbits(~skipped, bitorder="little"), step)
        self._tally(int(true.null.sum()), int(unknown.sum()), int(missing.sum()), step)
        self.rows += int((~skipped).sum()) * step
        self._settle()

    def _count_scored(
        self, true: Sets, pred: Sets, scored: Mask, missing: Mask, step: int, weights: RowWeights | None
    ) -> Sizes:
        """Count the labels of sets, and their weights; returns |Y and P|, |P|, |Y| of each row."""
        from streamavg.count.kernels import count_sets

        ends = np.zeros((len(scored) + 1, 2), np.int64)
        np.cumsum(true.lengths, out=ends[1:, 0])
        np.cumsum(pred.lengths, out=ends[1:, 1])
        sizes = np.empty((3, len(scored)), np.int32)
        codes = [column.codes.astype(np.uint32, copy=False) for column in (true, pred)]
        marked, self._marked = self._marked, self._marked + 2 * len(scored)
        if not count_sets(ends, *codes, marked, step, self._marks, self.cells, sizes):
            raise AssertionError("a label code left the vocabulary")
        if self._weights is not None and weights is not None:
            try:
                self._add_weights((ends, *codes, marked + len(scored)), (scored, missing), sizes, weights, step)
            except BaseException:
                count_sets(ends, *codes, self._marked, -step, self._marks, self.cells, sizes)
                self._marked += len(scored)
                self._settle()
                raise
        return sizes

    def _add_weights(self, sets: Any, rows_of: tuple[Mask, Mask], sizes: Sizes, weights: RowWeights, step: int) -> None:
        from streamavg.count.kernels import split_sets

        assert self._weights is not None
        ends, y_true, y_pred, first = sets
        limit = len(self.vocabulary) if self._known is None else FIRST + self._known
        cells, rows = np.empty(len(y_true) + len(y_pred), np.uint32), np.empty(len(y_true) + len(y_pred), np.int64)
        k = split_sets(ends, y_true, y_pred, first, limit, self._marks, cells, rows)
        numbers = self._weights.make_room(weights, rows_of[0], sizes)
        self._weights.add(cells[:k], rows[:k], weights, *rows_of, step, 3 * max(limit, FIRST))
        self._weights.add_sizes(numbers, weights, rows_of[0], step)

    def _settle(self) -> None:
        """Move what was counted for undeclared labels to the tally `other` and forget them."""
        if self._known is not None:
            self.named["other"] += int(self.cells[FIRST + self._known :, FP].sum())
            self.cells[FIRST + self._known :] = 0
            self.vocabulary.forget(self._known)

    def _refuse_missing(self, missing: int) -> None:
        if missing and self.config.null_pred == "error":
            self._settle()
            raise InputError(f"{missing} rows with a truth have no prediction (null), and null_pred is 'error'")

    def _tally(self, null_true: int, unknown_true: int, missing: int, step: int) -> None:
        self.named["null_true"] += null_true * step
        self.named["unknown_true"] += unknown_true * step
        self.named["null_pred" if self.config.null_pred == "abstain" else "unanswered"] += missing * step

    def _count_rows(self, sizes: Sizes, valid: Any, step: int) -> None:
        """Add |Y and P|, |P|, |Y| of the rows whose bit in `valid` (bytes or words) is set."""
        from streamavg.count.kernels import count_sizes

        base = int(sizes.max(initial=0)) + 1
        if base**3 <= 1 << 22:  # counting is ten times faster than sorting while the table stays in the cache
            small = np.zeros(base**3, np.int64)
            count_sizes(sizes, valid.view(np.uint8), base, step, small)
            held = np.flatnonzero(small)
            self.row_table += KeyTable.of(pack(held // base**2, held // base % base, held % base), small[held])
        else:
            rows = np.unpackbits(valid.view(np.uint8), bitorder="little")[: sizes.shape[1]].astype(bool)
            keys, counts = np.unique(pack(*sizes[:, rows].astype(np.int64)), return_counts=True)
            self.row_table += KeyTable.of(keys, counts * step)

    def _make_room(self) -> None:
        if len(self.cells) < len(self.vocabulary):
            room = 2 * len(self.vocabulary) - len(self.cells)
            self.cells = np.concatenate((self.cells, np.zeros((room, 3), np.int64)))
            self._marks = np.concatenate((self._marks, np.full((room, 2), -1, np.int64)))

    def twin(self) -> SetCounter:
        """A copy that counts on its own."""
        twin = copy.copy(self)
        twin.vocabulary, twin.named = self.vocabulary.twin(), dict(self.named)
        twin.cells, twin._marks = self.cells.copy(), self._marks.copy()
        twin._weights = self._weights and self._weights.twin()
        return twin

    def state(self) -> State:
        """An immutable copy of all that was counted."""
        self._make_room()
        state = State(
            self.config,
            Counts.of(self.vocabulary.labels, self.cells[FIRST : len(self.vocabulary)]),
            self.rows,
            {name: self.named[name] for name in ("null_pred", "null_true", "unknown_true") if self.named[name]},
            {name: self.named[name] for name in ("other", "unanswered") if self.named[name]},
            self.row_table,
            pairs=None,
        )
        return state if self._weights is None else replace(state, weighted=self._weights.state(self.vocabulary.labels))


def _ones(words: Any) -> int:
    return int(np.bitwise_count(words).sum(dtype=np.int64))
