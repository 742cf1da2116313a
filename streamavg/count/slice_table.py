"""The slices of one label a row: a hot table (TP, FP, FN) x slice x label, emptied into sparse int64 totals."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.columns import Column
from streamavg.count.single import MOST_ROWS
from streamavg.count.slice_cells import Hot
from streamavg.count.texts import raw_codes
from streamavg.count.totals import Totals
from streamavg.count.vocabulary import FIRST, NULL, UNKNOWN
from streamavg.errors import InputError
from streamavg.state.counts import FN, FP, TP
from streamavg.state.slices import NUMBERS, Slices
from streamavg.state.tables import KeyTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.count.rows import Rows
    from streamavg.count.single import SingleCounter
    from streamavg.state.slices import Key
    from streamavg.state.state import State
    from streamavg.state.tables import Ints

MOST_CELLS = 1 << 24  # slice x label pairs of the hot table, 250 MB; more slices and labels are counted sparsely
PAIRED = 512  # up to so many labels the total is read from slices and from the pairs of wrong rows: 0.2 ns a row, not 1
FEW = 16  # labels of a binary table that are looked at after each batch


class SliceTable:
    """Counts pairs of label columns by slice, and of few labels so that the counter of them all need not.

    Codes of the vocabulary below FIRST hold rows without a label: TP of NULL and UNKNOWN rows without a truth, FP of
    them answers that are none, and where no answer is to be skipped, FN of NULL such rows, with an FP of UNKNOWN.
    """

    def __init__(self, names: tuple[str, str], single: SingleCounter) -> None:
        self._single, self._vocabulary = single, single.vocabulary
        self._true, self._pred = (Column(name, self._vocabulary) for name in names)
        self._abstain = single.config.null_pred == "abstain"
        self._hot: Hot | None = None
        self._totals = KeyTable.zero()  # slice << 32 | 3 * label + cell, label a code of the vocabulary

    def count(self, rows: Rows, step: int, bound: int) -> bool:
        """Add (step 1) or take away (step -1) rows whose slices are below `bound`; whether the total has them too."""
        slices, count = rows.slices, len(rows)
        if not count:
            return False
        if self._counted_as_before(rows, step, bound):
            return self._hot is not None and self._hot.is_whole
        true, pred, labels, is_words = self._codes(rows.true[0], rows.pred[0], bound)
        if labels * bound > MOST_CELLS:
            self._count_sparsely(slices, true, pred, step)
            return False
        is_whole = not self._single.is_strict and labels <= (FEW if self._is_binary else PAIRED)
        is_whole = is_whole and labels + len(self._vocabulary) <= self._single.limits.max_labels
        hot = self._table((is_words, is_whole), bound, labels, count)
        hot.count(slices, true, pred, (bound, labels), step)
        if is_whole and self._is_binary:
            try:
                self._check_binary(hot)
            except InputError:
                hot.count(slices, true, pred, (bound, labels), -step)
                raise
        return is_whole

    def _counted_as_before(self, rows: Rows, step: int, bound: int) -> bool:
        """Count integers that fit the table that there is, without a look at them before; False: nothing counted."""
        hot, (y_true, y_pred) = self._hot, (rows.true[0], rows.pred[0])
        if hot is None or hot.is_words or self._is_binary or hot.size[0] < bound or hot.rows + len(rows) > MOST_ROWS:
            return False
        if not (_is_whole(y_true) and _is_whole(y_pred)):
            return False
        t, p, labels = raw_codes(y_true), raw_codes(y_pred), min(hot.size[1], _most_whole(y_true, y_pred))
        done = hot.count(rows.slices, t, p, (bound, labels), step)
        if done < len(t):
            hot.count(rows.slices[:done], t[:done], p[:done], (bound, labels), -step)
        return done == len(t)

    def take_back(self, rows: Rows, step: int, bound: int) -> None:
        """Undo a `count` of rows that the total does not have."""
        true, pred, labels, is_words = self._codes(rows.true[0], rows.pred[0], bound)
        if labels * bound > MOST_CELLS:
            self._count_sparsely(rows.slices, true, pred, -step)
        else:
            hot = self._table((is_words, False), bound, labels, len(rows))
            hot.count(rows.slices, true, pred, (bound, labels), -step)

    @property
    def _is_binary(self) -> bool:
        return self._single.config.task == "binary"

    def _check_binary(self, hot: Hot) -> None:
        """InputError for a label that a binary task cannot hold."""
        met = hot.cells().any(axis=(0, 1))
        words = self._words(hot, np.flatnonzero(met))
        labels = {self._vocabulary.labels[word - FIRST] for word in words.tolist() if word >= FIRST}
        labels |= set(self._single.totals.used_labels())
        self._single.limits.check(len(labels), lambda: sorted(labels), self._single.config)

    def _codes(self, y_true: pa.Array, y_pred: pa.Array, bound: int) -> tuple[Any, Any, int, bool]:
        """Codes of both columns, how many labels they may be of, and whether they are codes of the vocabulary.

        Small integers are codes as they are.
        """
        if not self._vocabulary.closed and _is_whole(y_true) and _is_whole(y_pred):
            t, p = raw_codes(y_true), raw_codes(y_pred)
            labels = 1 + max(int(t.max()), int(p.max()))
            if labels <= _most_whole(y_true, y_pred) and labels * bound <= MOST_CELLS // 4:
                return t, p, labels, False
        t, p = self._true.words(y_true).values, self._pred.words(y_pred).values
        if t.min() < FIRST or (self._abstain and p.min() < FIRST):
            none = t < FIRST
            p = np.where(none, t, p)
            if self._abstain:
                missing = ~none & (p == NULL)
                t, p = np.where(missing, np.uint32(NULL), t), np.where(missing, np.uint32(UNKNOWN), p)
        return t, p, len(self._vocabulary), True

    def _table(self, kind: tuple[bool, bool], slices: int, labels: int, rows: int) -> Hot:
        hot = self._hot
        if hot is None or (hot.is_words, hot.is_whole) != kind or hot.rows + rows > MOST_ROWS:
            self.flush()
            hot = self._hot = Hot.of(*kind, slices, labels)
        elif hot.size[0] < slices or hot.size[1] < labels:
            hot = self._hot = hot.grown(slices, labels)
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

    def absorb(self, other: SliceTable) -> int:
        """Take over the hot table of one whose slices have the same codes, if ours can hold it; how many rows."""
        hot, ours = other._hot, self._hot
        if hot is None or not hot.is_whole or ours is None or (ours.is_words, ours.is_whole) != (hot.is_words, True):
            return 0
        if self._is_binary or (hot.is_words and self._vocabulary.labels != other._vocabulary.labels):
            return 0  # of two binary tables the sum is refused if there is a third label in it
        self._table((hot.is_words, True), *hot.size, hot.rows).add(hot)
        other._hot = None
        return hot.rows

    def flush(self) -> None:
        """Empty the hot table into the totals."""
        hot, self._hot = self._hot, None
        if hot is None:
            return
        table = hot.cells()
        cells, slices, labels = np.nonzero(table)
        counts = table[cells, slices, labels].astype(np.int64)
        distinct, places = np.unique(labels, return_inverse=True)
        words = self._words(hot, distinct)[places]
        self._totals += KeyTable.of(slices << 32 | 3 * words + cells, counts)
        if hot.is_whole:
            self._single.totals.add_pairs(*self._pairs(hot))

    def _pairs(self, hot: Hot) -> tuple[Ints, Ints, Ints]:
        """The rows of a table as vocabulary codes of truth and prediction with their number, as totals take them."""
        true, pred = np.nonzero(hot.pairs)
        right = hot.cells()[TP].sum(axis=0, dtype=np.int64)
        same = np.flatnonzero(right)
        used, places = np.unique(np.concatenate((true, pred, same)), return_inverse=True)
        words = self._words(hot, used)[places]
        t, p, both = np.split(words, (len(true), 2 * len(true)))
        missing = (t == NULL) & (p == UNKNOWN)  # rows that abstain, whose truth does not matter
        t, p = np.where(missing, FIRST, t), np.where(missing, NULL, p)
        counts = np.concatenate((hot.pairs[true, pred].astype(np.int64), right[same]))
        return np.concatenate((t, both)), np.concatenate((p, both)), counts

    def total(self) -> State | None:
        """What the total has from this alone; None if nothing."""
        if self._hot is None or not self._hot.is_whole:
            return None
        totals = Totals(self._vocabulary, self._single.config, self._single.limits.confusion)
        totals.add_pairs(*self._pairs(self._hot))
        return totals.state()

    def _words(self, hot: Hot, labels: Ints) -> Ints:
        """Labels of a table as codes of the vocabulary."""
        if hot.is_words:
            return labels
        return self._vocabulary.codes([str(label) for label in labels.tolist()])

    def twin(self, single: SingleCounter) -> SliceTable:
        """A copy that counts on its own, beside a copy of the counter."""
        twin = copy.copy(self)
        twin._single, twin._vocabulary = single, single.vocabulary
        twin._true, twin._pred = (Column(column.name, twin._vocabulary) for column in (self._true, self._pred))
        twin._hot = self._hot and self._hot.twin()
        return twin

    def state(self, keys: Sequence[Key]) -> Slices:
        """What was counted; keys: that of each code."""
        found = self._of_totals(keys)
        hot = self._hot
        if hot is None:
            return found
        table, (used, labels) = hot.cells(), hot.used()
        words = self._words(hot, labels)
        return found + self._slices([keys[k] for k in used.tolist()], words, table, used, labels)

    def _of_totals(self, keys: Sequence[Key]) -> Slices:
        if not self._totals.keys.size:
            return Slices()
        slices, items = self._totals.keys >> 32, self._totals.keys & 0xFFFFFFFF
        used, rows = np.unique(slices, return_inverse=True)
        words, columns = np.unique(items // 3, return_inverse=True)
        total, most = Slices(), max(1, MOST_CELLS // len(words))
        for start in range(0, len(used), most):  # a dense table at a time, of a bounded size
            part = slice(*np.searchsorted(rows, (start, start + most)))
            tables = np.zeros((3, min(most, len(used) - start), len(words)), np.int64)
            tables[items[part] % 3, rows[part] - start, columns[part]] = self._totals.counts[part]
            names, every = [keys[k] for k in used[start : start + most].tolist()], np.arange(len(words))
            total += self._slices(names, words, tables, np.arange(len(names)), every)
        return total

    def _slices(self, keys: Sequence[Key], words: Ints, tables: Any, used: Ints, columns: Ints) -> Slices:
        """The `used` slices of tables (3, slices, labels), in whose `columns` are these codes of the vocabulary."""
        named = words >= FIRST
        rows = tables[TP].sum(axis=1, dtype=np.int64)[used] + tables[FN].sum(axis=1, dtype=np.int64)[used]
        numbers = dict.fromkeys(NUMBERS, np.zeros(len(keys), np.int64)) | {"rows": rows}
        for place in np.flatnonzero(~named).tolist():
            tp, fp, fn = tables[:, used, columns[place]].astype(np.int64)
            numbers["rows"] = numbers["rows"] - tp - fn
            if words[place] == NULL:
                numbers |= {"null_true": tp, "unanswered": fp, "null_pred": fn}
                numbers["other"] = numbers["other"] - fn
            else:
                numbers["unknown_true"], numbers["other"] = tp, numbers["other"] + fp
        texts = [self._vocabulary.labels[word - FIRST] for word in words[named].tolist()]
        table = np.stack([numbers[name] for name in NUMBERS], axis=1)
        return Slices.of(keys, texts, tables, table, (used, columns[named]))


def _most_whole(y_true: pa.Array, y_pred: pa.Array) -> int:
    """Below which unsigned views of both are the integers: that of a negative one is at least half of what fits."""
    bits: int = min(y_true.type.bit_width, y_pred.type.bit_width)
    return 1 << (bits - 1)


def _is_whole(array: pa.Array) -> bool:
    return pa.types.is_integer(array.type) and not array.null_count
