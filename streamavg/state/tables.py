"""Exact integer arithmetic on arrays: sums that refuse to wrap, and sparse tables keyed by one int64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamavg.errors import CountOverflowError
from streamavg.state.labels import LEAST, MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


_MANY = 1 << 14  # numbers whose largest is looked for first, to add them without a look at each sum


def checked_int(value: int) -> int:
    """`value` itself, if it fits int64; otherwise CountOverflowError."""
    if not LEAST <= value <= MOST:
        raise CountOverflowError(f"a count would become {value}, which is outside int64; nothing was added")
    return value


def checked_add(a: Ints, b: Ints) -> Ints:
    """a + b element by element; CountOverflowError if any sum leaves int64 (numpy alone would wrap silently)."""
    total = a + b
    if total.size > _MANY and max(_reach(a), _reach(b)) < MOST // 2:
        return total  # in a sixth of the time, without three more arrays
    if (((a ^ total) & (b ^ total)) < 0).any():
        raise CountOverflowError("a count would pass 2**63 - 1; nothing was added")
    return total


def _reach(a: Ints) -> int:
    return max(int(a.max()), -int(a.min()))


def checked_negative(a: Ints) -> Ints:
    """-a; CountOverflowError for -2**63, whose negative does not exist."""
    if (a == LEAST).any():
        raise CountOverflowError("a count of -2**63 cannot be negated")
    return -a


def exact_sum(a: Ints) -> int:
    """The sum as a Python int, right beyond int64: the two 32-bit halves are summed apart (below 2**31 elements)."""
    return (int((a >> 32).sum(dtype=np.int64)) << 32) + int((a & 0xFFFFFFFF).sum(dtype=np.int64))


def grouped(keys: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The distinct keys, ascending, and the exact sum of the counts (n, ...) of each; CountOverflowError beyond int64.

    >>> [array.tolist() for array in grouped(np.array([7, 5, 7]), np.array([1, 2, 3]))]
    [[5, 7], [2, 4]]
    """
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]]) if keys.size else np.empty(0, np.int64)
    if starts.size == keys.size:
        return keys, counts
    high = np.add.reduceat(counts >> 32, starts)
    low = np.add.reduceat(counts & 0xFFFFFFFF, starts)
    high += low >> 32
    if ((high < -(2**31)) | (high >= 2**31)).any():
        raise CountOverflowError("a count would pass 2**63 - 1; nothing was added")
    return keys[starts], (high << 32) | (low & 0xFFFFFFFF)


def add_named(a: Mapping[str, int], b: Mapping[str, int], sign: int = 1) -> dict[str, int]:
    """Named counters added by name, zeros dropped, names ascending."""
    names = sorted(a.keys() | b.keys())
    total = {name: checked_int(a.get(name, 0) + sign * b.get(name, 0)) for name in names}
    return {name: count for name, count in total.items() if count}


def frozen(array: Ints) -> Ints:
    """The array as contiguous int64 that nobody can write to any more."""
    array = np.ascontiguousarray(array, dtype=np.int64)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class KeyTable:
    """A sparse table int64 key -> int64 count: keys ascending and unique, no count zero. A commutative group."""

    keys: Ints
    counts: Ints

    @staticmethod
    def zero() -> KeyTable:
        """The table without entries."""
        return KeyTable(frozen(np.empty(0, np.int64)), frozen(np.empty(0, np.int64)))

    @staticmethod
    def of(keys: Ints, counts: Ints) -> KeyTable:
        """The table of these entries; keys may repeat and come in any order, counts are summed exactly."""
        keys, counts = grouped(keys, counts)
        keep = counts != 0
        return KeyTable(frozen(keys[keep]), frozen(counts[keep]))

    def __add__(self, other: KeyTable) -> KeyTable:
        if not self.keys.size or not other.keys.size:
            return self if self.keys.size else other
        if np.array_equal(self.keys, other.keys):  # as shards of one data set mostly have; a 20th of the time
            counts = checked_add(self.counts, other.counts)
            keep = counts != 0
            return KeyTable(frozen(self.keys[keep]), frozen(counts[keep]))
        return KeyTable.of(np.concatenate((self.keys, other.keys)), np.concatenate((self.counts, other.counts)))

    def __neg__(self) -> KeyTable:
        return KeyTable(self.keys, frozen(checked_negative(self.counts)))

    def __sub__(self, other: KeyTable) -> KeyTable:
        return self + -other
