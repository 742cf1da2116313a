"""The slices of one label a row: a hot table (TP, FP, FN) x slice x label, emptied into sparse int64 totals."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.columns import Column
from streamavg.count.single import MOST_ROWS
from streamavg.count.small import loops
from streamavg.count.texts import raw_codes
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

MOST_CELLS = 1 << 24  # slice x label pairs of the hot table, 250 MB; more slices and labels are counted sparsely
BLOCK = 4096  # rows whose keys are made, then counted


@dataclass
class Hot:
    """Counts of TP, FP, FN of slices x labels, each its byte in `small` and the rest of it in `big`.

    Labels are codes of the vocabulary (is_words), or integers as they are. No larger than needed: 10,000 slices of 50
    labels just fit the second-level cache of 512 KiB, and are counted twice as fast then.
    """

    is_words: bool
    small: Any
    big: Any
    keys: Any
    rows: int = 0

    @staticmethod
    def of(is_words: bool, slices: int, labels: int) -> Hot:
        """An empty table."""
        shape = (3, slices, labels)
        return Hot(is_words, np.zeros(shape, np.uint8), np.zeros(shape, np.int32), np.empty((2, BLOCK), np.uint32))

    @property
    def size(self) -> tuple[int, int]:
        """How many slices and labels it has room for."""
        _, slices, labels = self.big.shape
        return slices, labels

    def grown(self, slices: int, labels: int) -> Hot:
        """The same counts with room for so many, and for half as many again where it has to grow."""
        pairs = zip((slices, labels), self.size, strict=True)
        made = Hot.of(self.is_words, *(have if need <= have else max(need, have * 3 // 2) for need, have in pairs))
        for old, new in ((self.small, made.small), (self.big, made.big)):
            new[:, : old.shape[1], : old.shape[2]] = old
        made.rows = self.rows
        return made

    def cells(self) -> Any:
        """The counts, int32 (3, slices, labels)."""
        return self.big + self.small

    def twin(self) -> Hot:
        """A copy."""
        return Hot(self.is_words, self.small.copy(), self.big.copy(), np.empty_like(self.keys), self.rows)


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
        true, pred, labels, is_words = self._codes(rows.true[0], rows.pred[0], bound)
        if labels * bound > MOST_CELLS:
            self._count_sparsely(slices, true, pred, step)
            return
        hot = self._table(is_words, bound, labels, count)
        wide = np.promote_types(true.dtype, pred.dtype)
        t, p = true.astype(wide, copy=False), pred.astype(wide, copy=False)
        sizes = np.array((bound, labels, labels, hot.size[1]), np.uint64)
        tables = (hot.small.reshape(-1), hot.big.reshape(-1), hot.keys)
        done = loops(count).count_slices(slices, t, p, sizes, step < 0, *tables)
        assert done == count, "a code was not checked"
        hot.rows += count

    def _codes(self, y_true: pa.Array, y_pred: pa.Array, bound: int) -> tuple[Any, Any, int, bool]:
        """Codes of both columns, how many labels they may be of, and whether they are codes of the vocabulary.

        Small integers are codes as they are.
        """
        if not self._vocabulary.closed and _is_whole(y_true) and _is_whole(y_pred):
            t, p = raw_codes(y_true), raw_codes(y_pred)
            labels = 1 + max(int(t.max()), int(p.max()))
            # an unsigned view of a negative number is not below half of what its type can hold
            if (
                labels <= 1 << min(y_true.type.bit_width, y_pred.type.bit_width) - 1
                and labels * bound <= MOST_CELLS // 4
            ):
                return t, p, labels, False
        t, p = self._true.words(y_true).values, self._pred.words(y_pred).values
        if t.min() < FIRST or (self._abstain and p.min() < FIRST):
            none = t < FIRST
            p = np.where(none, t, p)
            if self._abstain:
                missing = ~none & (p == NULL)
                t, p = np.where(missing, np.uint32(NULL), t), np.where(missing, np.uint32(UNKNOWN), p)
        return t, p, len(self._vocabulary), True

    def _table(self, is_words: bool, slices: int, labels: int, rows: int) -> Hot:
        hot = self._hot
        if hot is None or hot.is_words != is_words or hot.rows + rows > MOST_ROWS:
            self.flush()
            hot = self._hot = Hot.of(is_words, slices, labels)
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

    def _words(self, hot: Hot, labels: Ints) -> Ints:
        """Labels of a table as codes of the vocabulary."""
        if hot.is_words:
            return labels
        return self._vocabulary.codes([str(label) for label in labels.tolist()])

    def twin(self) -> SliceTable:
        """A copy that counts on its own."""
        twin = copy.copy(self)
        twin._vocabulary = self._vocabulary.twin()
        twin._true, twin._pred = (Column(column.name, twin._vocabulary) for column in (self._true, self._pred))
        if self._hot is not None:
            twin._hot = self._hot.twin()
        return twin

    def state(self, keys: Sequence[Key]) -> Slices:
        """What was counted; keys: that of each code."""
        found = self._of_totals(keys)
        hot = self._hot
        if hot is None:
            return found
        table = hot.cells()
        met = (table[TP] | table[FP] | table[FN]) != 0
        used, labels = np.flatnonzero(met.any(axis=1)), np.flatnonzero(met.any(axis=0))
        words = self._words(hot, labels)
        if (len(used), len(labels)) != hot.size:
            table = np.stack([each[used][:, labels] for each in table])
        return found + self._slices([keys[k] for k in used.tolist()], words, table)

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
            total += self._slices([keys[k] for k in used[start : start + most].tolist()], words, tables)
        return total

    def _slices(self, keys: Sequence[Key], words: Ints, tables: Any) -> Slices:
        """Slices of tables (3, slices, words) whose columns are codes of the vocabulary."""
        named = words >= FIRST
        numbers = dict.fromkeys(NUMBERS, np.zeros(len(keys), np.int64))
        for place in np.flatnonzero(~named).tolist():
            tp, fp, fn = tables[:, :, place].astype(np.int64)
            if words[place] == NULL:
                numbers |= {"null_true": tp, "unanswered": fp, "null_pred": fn}
                numbers["other"] = numbers["other"] - fn
            else:
                numbers["unknown_true"], numbers["other"] = tp, numbers["other"] + fp
        if not named.all():
            tables = tables[:, :, named]
        numbers["rows"] = tables[TP].sum(axis=1, dtype=np.int64) + tables[FN].sum(axis=1, dtype=np.int64)
        texts = [self._vocabulary.labels[word - FIRST] for word in words[named].tolist()]
        return Slices.of(keys, texts, tables, np.stack([numbers[name] for name in NUMBERS], axis=1))


def _is_whole(array: pa.Array) -> bool:
    return pa.types.is_integer(array.type) and not array.null_count
