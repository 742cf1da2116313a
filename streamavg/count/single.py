"""The counter of one label a row: hot int32 tables in the codes of the columns, emptied into Totals."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.columns import Column
from streamavg.count.small import loops
from streamavg.count.spaces import Codes, IntSpace, Space, WordSpace
from streamavg.count.totals import Totals
from streamavg.count.vocabulary import FIRST, Vocabulary
from streamavg.count.weighted import PairWeights
from streamavg.errors import InputError
from streamavg.state.pairs import MOST_LABELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from streamavg.count.limits import Limits
    from streamavg.count.weights import RowWeights
    from streamavg.state.config import Config
    from streamavg.state.state import State
    from streamavg.state.tables import Ints

    Table = np.ndarray[Any, np.dtype[np.int32]]

PAIR_CELLS = 1 << 19  # a larger truth x prediction table (2 MiB of int32) leaves the second-level cache
# Up to so many cells, rows are spread over four or two equal tables. Measured, ns a row of uint8 codes in 1, 2, 4 ways:
# 10 labels, Zipf .79 .49 .42; 100 labels, Zipf .58 .49 .49; 256 labels, uniform .49 .55 .67.
WAYS = {1 << 9: 4, 1 << 15: 2}
# Rows whose keys are made, then counted. More than fit the first-level cache: each run through fresh memory starts
# slowly. ns a row of int32 codes, 100 labels: .95 with 2,048 rows, .79 with 4,096, .71 with 16,384, .69 with 65,536.
BLOCK = 1 << 14
MOST_ROWS = 2**31 - 1  # what an int32 cell can take before its table is emptied


@dataclass
class PairTable:
    """Hot truth x prediction counts in the codes of two spaces; `ways` equal tables, one behind the other."""

    true: Space
    pred: Space
    ways: int
    table: Table
    keys: Any
    rows: int = 0

    @staticmethod
    def of(true: Space, pred: Space) -> PairTable:
        """An empty table."""
        cells = true.size * pred.size
        ways = next((ways for most, ways in WAYS.items() if cells <= most), 1)
        keys = np.empty(BLOCK, np.uint16 if cells <= 1 << 16 else np.uint32)
        return PairTable(true, pred, ways, np.zeros(ways * cells, np.int32), keys)

    def count(self, y_true: Any, y_pred: Any, bounds: tuple[int, int], step: int) -> int:
        """Count codes, each below its bound; returns how many rows were counted before one that is not."""
        cells, width = len(self.table) // self.ways, self.pred.size
        sizes = np.array((*bounds, width, cells * (self.ways > 1), 2 * cells * (self.ways > 2)), np.uint64)
        done = int(loops(len(y_true)).count_pairs(y_true, y_pred, sizes, np.int32(step), self.keys, self.table))
        self.rows += done
        return done


@dataclass
class LabelTable:
    """Hot TP, FP, FN in the codes of one kind of space, shape (size, 3)."""

    space: IntSpace | WordSpace
    cells: Table
    rows: int = 0


class SingleCounter:
    """Counts pairs of label columns; an error leaves it as it was. Not safe for several threads at once."""

    def __init__(self, names: tuple[str, str], config: Config, limits: Limits) -> None:
        self.config, self.limits = config, limits
        # in a binary task a third label is an error also where `unknown` is "count", unless its row is skipped
        closed = config.unknown == "error" or (config.unknown == "count" and config.task != "binary")
        self.vocabulary = Vocabulary(config.labels, closed=closed)
        self.totals = Totals(self.vocabulary, config, limits.confusion)
        self._true, self._pred = (Column(name, self.vocabulary) for name in names)
        self._pairs: PairTable | None = None
        self._labels: LabelTable | None = None
        self._texts: tuple[Sequence[str], Sequence[str], Ints] | None = None  # rows that `flush` brings to the totals
        self.is_strict = config.unknown == "error" or config.null_pred == "error"
        self._weights = PairWeights(config.null_pred == "abstain") if config.sample_weight else None

    def count(
        self, y_true: pa.Array, y_pred: pa.Array, step: int, first_row: int = 0, weights: RowWeights | None = None
    ) -> None:
        """Add (step 1) or take away (step -1) the rows of two arrays of equal length, whole or not at all.

        `first_row` is the number that errors give to the first row; weights are there if the options say so.
        """
        start, end = 0, len(y_true)
        self._true.first_row = self._pred.first_row = first_row
        try:
            true, pred = encoded = self._codes(y_true, y_pred) if end else (None, None)
            while true is not None and pred is not None:
                done = self._count(true, pred, y_true.slice(start), y_pred.slice(start), step)
                start += done
                if start == end:
                    break
                self._true.first_row = self._pred.first_row = first_row + start
                true, pred = self._recoded(true, pred, y_true.slice(start), y_pred.slice(start), done)
            self._check_labels()
            if self._weights is not None and weights is not None and encoded[0] is not None and encoded[1] is not None:
                # these codes are all of the vocabulary, in which no row is coded anew
                self._weights.add(encoded[0].values, encoded[1].values, weights, step, len(self.vocabulary))
        except BaseException:
            self._take_back(y_true.slice(0, start), y_pred.slice(0, start), step)
            raise

    def _take_back(self, y_true: pa.Array, y_pred: pa.Array, step: int) -> None:
        """Undo counted rows by counting them again with the other sign; labels learned stay, without counts."""
        start, end = 0, len(y_true)
        while start < end:
            rest = y_true.slice(start), y_pred.slice(start)
            true, pred = self._codes(*rest)
            while not (done := self._count(true, pred, *rest, -step)):
                true, pred = self._recoded(true, pred, *rest, 0)
            start += done

    def _codes(self, y_true: pa.Array, y_pred: pa.Array) -> tuple[Codes, Codes]:
        if not self.is_strict and self._weights is None:
            return self._true.encode(y_true), self._pred.encode(y_pred)
        true, pred = self._true.words(y_true), self._pred.words(y_pred)
        if self.is_strict:
            self.totals.refuse(true.values, pred.values)
        return true, pred

    def _recoded(self, true: Codes, pred: Codes, y_true: pa.Array, y_pred: pa.Array, done: int) -> tuple[Codes, Codes]:
        """Codes of the remaining rows, in which a column that leaves its space among them is coded anew."""
        true, pred = true.after(done), pred.after(done)
        if (true.values >= true.bound).any():
            return self._true.recode(y_true, true), pred
        return true, self._pred.recode(y_pred, pred)

    def _count(self, true: Codes, pred: Codes, y_true: pa.Array, y_pred: pa.Array, step: int) -> int:
        """Count rows from the first on; returns how many were counted before one that left its space."""
        if true.space.size * pred.space.size <= PAIR_CELLS:
            return self._count_pairs(true, pred, step)
        keep_pairs = self.totals.always_pairs
        plain = true.is_plain_int and pred.is_plain_int and not self.vocabulary.closed and not keep_pairs
        if plain and (self.totals.pairs is None or self._labels or not _are_few(true.values)):
            return self._count_labels(true, pred, IntSpace(max(true.space.size, pred.space.size)), step)
        made = [
            codes if isinstance(codes.space, WordSpace) else column.words(array)
            for codes, column, array in ((true, self._true, y_true), (pred, self._pred, y_pred))
        ]
        if made[0].space.size * made[1].space.size <= PAIR_CELLS:
            return self._count_pairs(made[0], made[1], step)
        t, p = made[0].values, made[1].values
        odd = (t < FIRST) | (p < FIRST) | keep_pairs
        if odd.any():
            self._count_listed(t[odd], p[odd], step)
            t, p = t[~odd], p[~odd]
        space, words = WordSpace(max(made[0].space.size, made[1].space.size)), len(self.vocabulary)
        self._count_labels(Codes(t, words, space), Codes(p, words, space), space, step)
        return len(true.values)

    def _count_pairs(self, true: Codes, pred: Codes, step: int) -> int:
        hot, rows = self._pairs, len(true.values)
        if hot is None or hot.true != true.space or hot.pred != pred.space or hot.rows + rows > MOST_ROWS:
            self._flush_pairs()
            hot = self._pairs = PairTable.of(true.space, pred.space)
        return hot.count(*_alike(true.values, pred.values), (true.bound, pred.bound), step)

    def _count_labels(self, true: Codes, pred: Codes, space: IntSpace | WordSpace, step: int) -> int:
        from streamavg.count.kernels import count_labels

        hot, rows = self._labels, len(true.values)
        if hot is None or hot.space != space or hot.rows + rows > MOST_ROWS:
            self._flush_labels()
            hot = self._labels = LabelTable(space, np.zeros((space.size, 3), np.int32))
        t, p = _alike(true.values, pred.values)
        bounds = np.uint64(true.bound), np.uint64(pred.bound)
        done = int(count_labels(t, p, *bounds, np.int32(step), hot.cells))
        hot.rows += done
        return done

    def _count_listed(self, y_true: Any, y_pred: Any, step: int) -> None:
        """Count vocabulary codes as distinct pairs: rows with nulls or unknown labels, or where all pairs are kept."""
        pairs, counts = np.unique((y_true.astype(np.int64) << 32) | y_pred.astype(np.int64), return_counts=True)
        self.totals.add_pairs(pairs >> 32, pairs & 0xFFFFFFFF, counts * step)

    def count_listed(self, y_true: Sequence[pa.Array], y_pred: Sequence[pa.Array], counts: Ints) -> None:
        """Add (truth, prediction, number of rows) triples, whole or not at all; each column in chunks of its own."""
        if not len(counts):
            return
        # not one array of all chunks: Arrow unifies dictionaries without a look at their codes, or not at all
        t, p = (
            np.concatenate([column.words(chunk).values for chunk in chunks if len(chunk)]).astype(np.int64)
            for column, chunks in ((self._true, y_true), (self._pred, y_pred))
        )
        self._add_listed(t, p, counts)

    def count_texts(self, y_true: Sequence[str], y_pred: Sequence[str], counts: Ints) -> None:
        """As `count_listed`, of labels as they are named: of a binary task, whose two labels were met, at once."""
        if self._texts is not None and self._texts[:2] == (y_true, y_pred):
            self._texts[2][:] += counts
            return
        self._add_listed(self.vocabulary.codes(y_true), self.vocabulary.codes(y_pred), counts)
        if self.config.task == "binary" and {*self.totals.used_labels()} >= {*y_true, *y_pred}:
            self._texts = (y_true, y_pred, np.zeros(len(counts), np.int64))

    def _add_listed(self, t: Ints, p: Ints, counts: Ints) -> None:
        self.totals.refuse(t[counts > 0], p[counts > 0])
        self.totals.add_pairs(t, p, counts)
        try:
            self._check_labels()
        except InputError:
            self.totals.add_pairs(t, p, -counts)
            raise

    def _check_labels(self) -> None:
        """InputError if more labels have counts than max_labels, or than a binary task's two."""
        hot = self._labels.space.size if self._labels else 0
        hot += self._pairs.true.size + self._pairs.pred.size if self._pairs else 0
        binary = self.config.task == "binary"
        if binary or len(self.vocabulary) + hot > self.limits.max_labels:
            self.flush()
            self.limits.check(self.totals.used, self.totals.used_labels if binary else None, self.config)

    def flush(self) -> None:
        """Empty the hot tables into the totals."""
        if self._texts is not None:
            y_true, y_pred, counts = self._texts
            self.totals.add_pairs(self.vocabulary.codes(y_true), self.vocabulary.codes(y_pred), counts)
            self._texts = None
        self._flush_pairs()
        self._flush_labels()

    def _flush_pairs(self) -> None:
        hot, self._pairs = self._pairs, None
        if hot is None:
            return
        table = hot.table.reshape(hot.ways, hot.true.size, hot.pred.size).sum(axis=0, dtype=np.int64)
        true, pred = np.nonzero(table)
        self.totals.add_pairs(self._in_words(hot.true, true), self._in_words(hot.pred, pred), table[true, pred])

    def _flush_labels(self) -> None:
        hot, self._labels = self._labels, None
        if hot is not None and (used := np.flatnonzero(hot.cells.any(axis=1))).size:
            self.totals.add_cells(self._in_words(hot.space, used), hot.cells[used].astype(np.int64))

    def _in_words(self, space: Space, codes: Ints) -> Ints:
        """Codes of a space as codes of the vocabulary."""
        if isinstance(space, WordSpace) or not codes.size:
            return codes
        seen = np.zeros(space.size, bool)  # a table of the space, where np.unique sorts: 3 ms for 65,536 pairs
        seen[codes] = True
        distinct, words = np.flatnonzero(seen), np.zeros(space.size, np.int64)
        words[distinct] = self.vocabulary.codes(space.texts(distinct.tolist()))
        return words[codes]

    def twin(self) -> SingleCounter:
        """A copy that counts on its own: 0.2 ms, where emptying 500 x 500 hot cells takes 50."""
        twin = copy.copy(self)
        twin.vocabulary = self.vocabulary.twin()
        twin.totals = self.totals.twin(twin.vocabulary)
        twin._true, twin._pred = (Column(column.name, twin.vocabulary) for column in (self._true, self._pred))
        if self._pairs is not None:
            twin._pairs = replace(self._pairs, table=self._pairs.table.copy())
        if self._labels is not None:
            twin._labels = replace(self._labels, cells=self._labels.cells.copy())
        twin._weights = self._weights and self._weights.twin()
        if self._texts is not None:
            twin._texts = (*self._texts[:2], self._texts[2].copy())
        return twin

    def state(self) -> State:
        """An immutable copy of all that was counted."""
        self.flush()
        state = self.totals.state()
        return state if self._weights is None else replace(state, weighted=self._weights.state(self.vocabulary.labels))


def _are_few(codes: Any) -> bool:
    """Whether the first rows have so few labels that label pairs may be kept, however large the numbers are."""
    return len(np.unique(codes[:8192])) <= MOST_LABELS


def _alike(true: Any, pred: Any) -> tuple[Any, Any]:
    """Both columns in one dtype, the wider, so that each kernel is compiled for four types and not for sixteen."""
    wide = np.promote_types(true.dtype, pred.dtype)
    return true.astype(wide, copy=False), pred.astype(wide, copy=False)
