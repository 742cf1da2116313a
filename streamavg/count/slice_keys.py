"""Slice keys: which slice each row of a batch is in, as a dense code, from `by` columns and the window of its time."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.joined import FOLDED_CODE, Entries, Joined
from streamavg.count.placing import Placing
from streamavg.count.small import loops
from streamavg.count.times import times_of
from streamavg.count.vocabulary import FIRST, UNKNOWN, Vocabulary
from streamavg.state.slices import FOLDED
from streamavg.state.spans import LEAST_START, window_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from streamavg.state.slices import Key

    Codes = np.ndarray[Any, np.dtype[np.uint32]]
    Ints = np.ndarray[Any, np.dtype[np.int64]]

assert UNKNOWN == FOLDED_CODE  # vocabularies are open, so that nothing is unknown: the code is free
_DENSE = 1 << 20  # windows that a batch may lie apart, for a table; else they are sorted


class SliceKeys:
    """Numbers slices in the order in which they are met; a number never changes. FOLDED_CODE takes what is folded."""

    def __init__(self, by: Sequence[str], window: str, time: str) -> None:
        self._columns = [Placing(name, Vocabulary((), closed=False)) for name in by]
        self._size, self._time = window_size(window) if window else 0, time
        self._panes: dict[int | None, int] = {None: 0}
        self._entries = Entries()  # of the first two columns
        self._levels = [Joined() for _ in range(len(by) + bool(window) - 1)]

    @property
    def bound(self) -> int:
        """Above every code in use."""
        if self._levels:
            return len(self._levels[-1])
        return len(self._columns[0].column.vocabulary) if self._columns else FIRST - 1 + len(self._panes)

    def read(self, batch: pa.RecordBatch, first_row: int) -> Codes:
        """The code of each row's slice. Raises InputError for a column that holds no labels, or no times."""
        found: Codes | None = None
        size, start = 0, 0
        if len(self._columns) > 1:
            both = self._columns[0], self._columns[1]
            found = self._entries.codes(self._levels[0], both, tuple(batch[each.column.name] for each in both))
            if found is not None:
                size, start = len(self._levels[0]), 2
        for k, (codes, bound) in enumerate(self._parts(batch, first_row, start), start):
            if found is None:
                found, size = codes, bound
            else:
                level = self._levels[k - 1]
                found = level.codes(found, codes, size, bound)
                size = len(level)
        assert found is not None
        return found

    def _parts(self, batch: pa.RecordBatch, first_row: int, start: int) -> list[tuple[Codes, int]]:
        parts = []
        for placing in self._columns[start:]:
            codes = placing.codes(batch[placing.column.name], first_row)
            parts.append((codes, len(placing.column.vocabulary)))
        if self._size:
            parts.append((self._panes_of(batch[self._time]), FIRST - 1 + len(self._panes)))
        return parts

    def _panes_of(self, array: pa.Array) -> Codes:
        """The code of the window of each row's time: 0 without a time, else FIRST and on."""
        times, known = times_of(array, self._time)
        panes = times // self._size
        first = -(-LEAST_START // self._size)  # a window that starts in the year 0 has no name
        if len(panes) and known.all() and int(panes.min()) >= first:
            return self._codes_of_panes(panes)
        known &= panes >= first
        out = np.zeros(len(times), np.uint32)
        if known.any():
            out[known] = self._codes_of_panes(panes[known])
        return out

    def _codes_of_panes(self, panes: Ints) -> Codes:
        low, high = int(panes.min()), int(panes.max())
        if high - low >= _DENSE:
            distinct, places = np.unique(panes, return_inverse=True)
            return self._learned(distinct)[places]
        offsets = (panes - low).astype(np.uint32)
        met = np.zeros(high - low + 1, np.uint8)
        loops(len(offsets)).mark(offsets, met)
        distinct, codes = np.flatnonzero(met), np.zeros(len(met), np.uint32)
        codes[distinct] = self._learned(distinct + low)
        return codes[offsets]

    def _learned(self, panes: Ints) -> Codes:
        held = self._panes
        return np.array([held.setdefault(pane, FIRST - 1 + len(held)) for pane in panes.tolist()], np.uint32)

    def know(self, keys: Sequence[Key]) -> None:
        """Give codes to slices that were met before."""
        for key in keys:
            parts = self._codes_of(key) if key != FOLDED else []
            for k in range(1, len(parts)):
                parts[k] = self._levels[k - 1].code(parts[k - 1], parts[k])

    def _codes_of(self, key: Key) -> list[int]:
        texts: Any = key[: len(self._columns)]
        codes = [int(each.column.vocabulary.codes([text])[0]) for each, text in zip(self._columns, texts, strict=True)]
        if self._size:
            start: Any = key[-1]
            codes.append(0 if start is None else int(self._learned(np.array([start // self._size]))[0]))
        return codes

    def keys(self) -> list[Key]:
        """The key of each code below `bound`; codes that stand for no slice have FOLDED."""
        parts: list[list[Any]] = [
            [None, FOLDED, *each.column.vocabulary.labels] for each in self._columns
        ]  # FOLDED is in no pair
        if self._size:
            parts.append([None, FOLDED, *(pane * self._size for pane in self._panes if pane is not None)])
        keys: list[Key] = [(part,) for part in parts[0]]
        for level, part in zip(self._levels, parts[1:], strict=True):
            keys = [(*keys[first], part[second]) for first, second in level.pairs()]
        keys[FOLDED_CODE] = FOLDED
        return keys

    def twin(self) -> SliceKeys:
        """A copy that learns on its own."""
        twin = copy.copy(self)
        twin._columns = [each.twin() for each in self._columns]
        twin._entries = Entries()
        twin._panes, twin._levels = dict(self._panes), [level.twin() for level in self._levels]
        return twin
