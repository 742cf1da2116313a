"""The slices of one label a row: a hot int32 table slice x label x (TP, FP, FN), emptied into sparse int64 totals."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.columns import Column
from streamavg.count.single import MOST_ROWS
from streamavg.count.small import loops
from streamavg.count.spaces import Codes, IntSpace, ListSpace, WordSpace, roomy
from streamavg.count.vocabulary import FIRST, NULL, UNKNOWN, Vocabulary
from streamavg.state.counts import FN, FP, TP
from streamavg.state.slices import NUMBERS, Slices
from streamavg.state.tables import KeyTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.count.rows import Rows
    from streamavg.state.config import Config
    from streamavg.state.slices import Key
    from streamavg.state.tables import Ints

MOST_CELLS = 1 << 24  # slice x label pairs of the hot table, 200 MB; more slices and labels are counted sparsely


@dataclass
class Hot:
    """Counts in the codes of a space, int32 (slices, labels, 3); `rows` went through them."""

    space: IntSpace | WordSpace
    cells: Any
    rows: int = 0


class SliceTable:
    """Counts pairs of label columns by slice, beside the counter of them all, which has seen to what is refused.

    Codes of the vocabulary below FIRST hold rows without a label: TP of NULL and UNKNOWN rows without a truth, FP of
    them answers that are none, and where no answer is to be skipped, FN of NULL such rows, with an FP of UNKNOWN.
    """

    def __init__(self, names: tuple[str, str], config: Config) -> None:
        self.config = config
        closed = config.unknown != "grow" and config.task != "binary"
        self._vocabulary = Vocabulary(config.labels, closed=closed)
        self._true, self._pred = (Column(name, self._vocabulary) for name in names)
        self._abstain = config.null_pred == "abstain"
        self._hot: Hot | None = None
        self._totals = KeyTable.zero()  # slice << 32 | 3 * label + cell, label a code of the vocabulary

    def count(self, rows: Rows, step: int, bound: int) -> None:
        """Add (step 1) or take away (step -1) rows whose slices are below `bound`."""
        slices, count = rows.slices, len(rows)
        if not count:
            return
        true, pred = self._codes(rows.true[0], rows.pred[0], bound)
        if true.space.size * bound > MOST_CELLS:
            self._count_sparsely(slices, true.values, pred.values, step)
            return
        assert not isinstance(true.space, ListSpace)
        hot = self._table(true.space, bound, count)
        wide = np.promote_types(true.values.dtype, pred.values.dtype)
        t, p = (codes.values.astype(wide, copy=False) for codes in (true, pred))
        bounds = np.array((bound, true.bound, pred.bound), np.uint64)
        done = loops(count).count_slices(slices, t, p, bounds, np.int32(step), hot.cells)
        assert done == count, "a code was not checked"
        hot.rows += count

    def _codes(self, y_true: pa.Array, y_pred: pa.Array, bound: int) -> tuple[Codes, Codes]:
        """Codes of one space for both columns: small integers as they are, else those of the vocabulary."""
        if not self._vocabulary.closed and _is_whole(y_true) and _is_whole(y_pred):
            true, pred = self._small_ints(self._true, y_true), self._small_ints(self._pred, y_pred)
            if true is not None and pred is not None:
                ints = IntSpace(max(true.space.size, pred.space.size))
                if ints.size * bound <= MOST_CELLS // 4:
                    return Codes(true.values, true.bound, ints), Codes(pred.values, pred.bound, ints)
        t, p = self._true.words(y_true).values, self._pred.words(y_pred).values
        words = len(self._vocabulary)
        space = WordSpace(roomy(words))
        if t.min() < FIRST or (self._abstain and p.min() < FIRST):
            none = t < FIRST
            p = np.where(none, t, p)
            if self._abstain:
                missing = ~none & (p == NULL)
                t, p = np.where(missing, np.uint32(NULL), t), np.where(missing, np.uint32(UNKNOWN), p)
        return Codes(t, words, space), Codes(p, words, space)

    def _small_ints(self, column: Column, array: pa.Array) -> Codes | None:
        """The values of an integer column as codes, None if they are others, or there are nulls."""
        codes = column.encode(array)
        if codes.is_plain_int and int(codes.values.max()) >= codes.bound:
            codes = column.recode(array, codes)
        return codes if codes.is_plain_int else None

    def _table(self, space: IntSpace | WordSpace, bound: int, rows: int) -> Hot:
        hot = self._hot
        if hot is None or hot.space != space or hot.rows + rows > MOST_ROWS:
            self.flush()
            hot = self._hot = Hot(space, np.zeros((roomy(bound), space.size, 3), np.int32))
        elif len(hot.cells) < bound:
            grown = np.zeros((max(roomy(bound), len(hot.cells) * 3 // 2), *hot.cells.shape[1:]), np.int32)
            grown[: len(hot.cells)] = hot.cells
            hot.cells = grown
        return hot

    def _count_sparsely(self, slices: Any, y_true: Any, y_pred: Any, step: int) -> None:
        """Count distinct (slice, truth, prediction) rows of vocabulary codes, found by sorting."""
        order = np.lexsort((y_pred, y_true, slices))
        s, t, p = (each[order].astype(np.int64) for each in (slices, y_true, y_pred))
        starts = np.flatnonzero(np.r_[True, (np.diff(s) != 0) | (np.diff(t) != 0) | (np.diff(p) != 0)])
        counts = np.diff(np.append(starts, len(s))) * step
        s, t, p = s[starts], t[starts], p[starts]
        right = t == p
        keys = [s << 32 | 3 * label + cell for label, cell in ((np.where(right, t, p), np.where(right, TP, FP)),)]
        keys.append((s << 32 | 3 * t + FN)[~right])
        self._totals += KeyTable.of(np.concatenate(keys), np.concatenate((counts, counts[~right])))

    def flush(self) -> None:
        """Empty the hot table into the totals."""
        hot, self._hot = self._hot, None
        if hot is None:
            return
        slices, labels, cells = np.nonzero(hot.cells)
        counts = hot.cells[slices, labels, cells].astype(np.int64)
        words = self._words(hot.space, np.arange(hot.cells.shape[1]), np.unique(labels))
        self._totals += KeyTable.of(slices << 32 | 3 * words[labels] + cells, counts)

    def _words(self, space: IntSpace | WordSpace, codes: Ints, used: Ints) -> Ints:
        """Codes of a space as codes of the vocabulary; of those not used, anything."""
        if isinstance(space, WordSpace):
            return codes
        words = np.zeros(len(codes), np.int64)
        words[used] = self._vocabulary.codes(space.texts(used.tolist()))
        return words

    def twin(self) -> SliceTable:
        """A copy that counts on its own."""
        twin = copy.copy(self)
        twin._vocabulary = self._vocabulary.twin()
        twin._true, twin._pred = (Column(column.name, twin._vocabulary) for column in (self._true, self._pred))
        if self._hot is not None:
            twin._hot = Hot(self._hot.space, self._hot.cells.copy(), self._hot.rows)
        return twin

    def state(self, keys: Sequence[Key]) -> Slices:
        """What was counted; keys: that of each code."""
        found = self._of_totals(keys)
        hot = self._hot
        if hot is None:
            return found
        used = np.flatnonzero(hot.cells.any(axis=(1, 2)))
        labels = np.flatnonzero(hot.cells.any(axis=(0, 2)))
        words = self._words(hot.space, np.arange(hot.cells.shape[1]), labels)[labels]
        return found + self._slices([keys[k] for k in used.tolist()], words, hot.cells[np.ix_(used, labels)])

    def _of_totals(self, keys: Sequence[Key]) -> Slices:
        if not self._totals.keys.size:
            return Slices()
        slices, items = self._totals.keys >> 32, self._totals.keys & 0xFFFFFFFF
        used, rows = np.unique(slices, return_inverse=True)
        words, columns = np.unique(items // 3, return_inverse=True)
        total, most = Slices(), max(1, MOST_CELLS // len(words))
        for start in range(0, len(used), most):  # a dense table at a time, of a bounded size
            part = slice(*np.searchsorted(rows, (start, start + most)))
            cells = np.zeros((min(most, len(used) - start), len(words), 3), np.int64)
            cells[rows[part] - start, columns[part], items[part] % 3] = self._totals.counts[part]
            total += self._slices([keys[k] for k in used[start : start + most].tolist()], words, cells)
        return total

    def _slices(self, keys: Sequence[Key], words: Ints, cells: Any) -> Slices:
        """Slices of a table (slices, words, 3) whose columns are codes of the vocabulary."""
        named = words >= FIRST
        numbers = dict.fromkeys(NUMBERS, np.zeros(len(cells), np.int64))
        for place in np.flatnonzero(~named).tolist():
            tp, fp, fn = cells[:, place].astype(np.int64).T
            if words[place] == NULL:
                numbers |= {"null_true": tp, "unanswered": fp, "null_pred": fn}
                numbers["other"] = numbers["other"] - fn
            else:
                numbers["unknown_true"], numbers["other"] = tp, numbers["other"] + fp
        cells = cells[:, named]
        numbers["rows"] = cells[..., (TP, FN)].sum(axis=(1, 2), dtype=np.int64)
        texts = [self._vocabulary.labels[word - FIRST] for word in words[named].tolist()]
        return Slices.of(keys, texts, cells, np.stack([numbers[name] for name in NUMBERS], axis=1))


def _is_whole(array: pa.Array) -> bool:
    return pa.types.is_integer(array.type) and not array.null_count
