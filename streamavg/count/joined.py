"""Joined: pairs of codes as one code each, numbered in the order in which they are met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.lookup import NEW, Lookup, distinct
from streamavg.count.placing import Scratch
from streamavg.count.small import loops
from streamavg.count.spaces import roomy

if TYPE_CHECKING:
    from streamavg.count.placing import Placing

    Codes = np.ndarray[Any, np.dtype[np.uint32]]

FOLDED_CODE, FIRST_PAIR = 1, 2  # codes below FIRST_PAIR stand for no pair
DENSE = 1 << 22  # pairs of codes up to this number are looked up in a table, more are sorted


class Entries:
    """The codes of pairs of dictionary entries, looked up in one pass as long as both dictionaries stay the same."""

    def __init__(self) -> None:
        self._dictionaries: tuple[Any, Any] = (None, None)
        self._lookup = Lookup()
        self._scratch = Scratch()

    def codes(self, level: Joined, placings: tuple[Placing, Placing], arrays: tuple[Any, Any]) -> Codes | None:
        """The code of each row's pair; None where these columns must be read one by one."""
        first, second = (placing.entries(array) for placing, array in zip(placings, arrays, strict=True))
        if first is None or second is None:
            return None
        one, other = (placing.dictionary for placing in placings)
        width = len(other)
        if len(one) * width > DENSE:
            return None
        if self._dictionaries[0] is not one or self._dictionaries[1] is not other:
            self._dictionaries, self._lookup = (one, other), Lookup(len(one) * width)
        a, b = (codes.astype(np.uint32, copy=False) for codes in (first, second))
        out = self._scratch.of(len(a))
        if not self._lookup.place_pairs(a, b, width, out):
            new = out == NEW
            if int(a[new].max()) >= len(one) or int(b[new].max()) >= width:
                return None  # a wild code, which reading them one by one has a message for
            fresh = distinct(a[new] * np.uint32(width) + b[new])
            sides = [placing.codes_of(part) for placing, part in zip(placings, np.divmod(fresh, width), strict=True)]
            codes = [level.code(*pair) for pair in zip(*(side.tolist() for side in sides), strict=True)]
            self._lookup.learn(fresh, codes)
            self._lookup.place_pairs(a, b, width, out)
        return out


class Joined:
    """Gives each pair of codes that occurs a code of its own, which never changes.

    What `codes` returns is good until the next call.
    """

    def __init__(self) -> None:
        self._pairs: list[tuple[int, int]] = [(0, 0)] * FIRST_PAIR
        self._known: dict[tuple[int, int], int] = {}
        self._table: Codes = np.empty(0, np.uint32)
        self._width = 0
        self._scratch = Scratch()

    def __len__(self) -> int:
        return len(self._pairs)

    def pairs(self) -> list[tuple[int, int]]:
        """The pair behind each code."""
        return self._pairs

    def code(self, first: int, second: int) -> int:
        """The code of one pair."""
        found = self._known.setdefault((first, second), len(self._pairs))
        if found == len(self._pairs):
            self._pairs.append((first, second))
            if second < self._width and first * self._width + second < len(self._table):
                self._table[first * self._width + second] = found
        return found

    def codes(self, first: Codes, second: Codes, size: int, width: int) -> Codes:
        """The code of each pair of codes, the first below `size`, the second below `width`."""
        if size * width > DENSE:
            return self._sorted(first, second)
        if width > self._width or size * self._width > len(self._table):
            self._make_room(size, width)
        out = self._scratch.of(len(first))
        place_pairs = loops(len(first)).place_pairs
        if place_pairs(first, second, np.uint64(self._width), self._table, out) == NEW:
            new = out == NEW
            for pair in distinct(first[new] * np.uint32(self._width) + second[new]).tolist():  # below 2 * DENSE
                self.code(*divmod(pair, self._width))
            place_pairs(first, second, np.uint64(self._width), self._table, out)
        return out

    def _make_room(self, size: int, width: int) -> None:
        self._width = max(self._width, roomy(width))
        self._table = np.full(max(roomy(size) * self._width, len(self._table)), NEW)
        for (first, second), code in self._known.items():
            self._table[first * self._width + second] = code

    def _sorted(self, first: Codes, second: Codes) -> Codes:
        distinct, places = np.unique(first.astype(np.int64) << 32 | second, return_inverse=True)
        codes = [self.code(pair >> 32, pair & 0xFFFFFFFF) for pair in distinct.tolist()]
        return np.array(codes, np.uint32)[places]

    def twin(self) -> Joined:
        """A copy that learns on its own."""
        twin = Joined()
        twin._pairs, twin._known = self._pairs.copy(), dict(self._known)
        twin._table, twin._width = self._table.copy(), self._width
        return twin
