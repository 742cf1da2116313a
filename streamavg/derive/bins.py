"""Bins: the slots of a score histogram that are not empty, and the chain of cuts that runs through them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.errors import CountOverflowError, InputError
from streamavg.state.tables import exact_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Counts = NDArray[Any]  # int64, or Python ints in an object array

_ROOM = 2**62  # products and sums below this stay int64


@dataclass(frozen=True, eq=False)
class Bins:
    """Slots that are not empty in ascending order of score: rows of the class, other rows, and the closed range
    [low, high] of scores that may lie there. An `atom` is known to hold one distinct score; where it is known which,
    low and high are that score, and only such atoms stay atoms when classes are pooled. unit: what one of a count
    stands for: a row, or so much weight.
    """

    positive: Ints
    negative: Ints
    atom: Flags
    low: Floats
    high: Floats
    unit: float = 1.0

    @staticmethod
    def of(positive: Ints, negative: Ints, atom: Flags, low: Floats, high: Floats, unit: float = 1.0) -> Bins:
        """The bins of all slots, ascending, without the empty ones; InputError if a count is negative.

        >>> Bins.of(*map(np.array, ([0, 1], [0, 2], [False, True], [0.0, 0.5], [0.25, 0.5]))).low
        array([0.5])
        """
        if (positive < 0).any() or (negative < 0).any():
            raise InputError("a slot of scores has a negative count, so nothing can be read; add what it is owed first")
        keep = (positive > 0) | (negative > 0)
        return Bins(positive[keep], negative[keep], atom[keep], low[keep], high[keep], unit)

    @staticmethod
    def pooled(several: Sequence[Bins]) -> Bins:
        """The (row, class) pairs of several classes counted over the same slots, as for a micro average.

        Atoms of one slot that hold different known scores stay apart; a slot in which any class may hold more than one
        score is no atom. CountOverflowError if a count would pass 2**63 - 1.
        """
        if not several:
            none = np.empty(0, np.int64)
            return Bins(none, none, none.astype(bool), none.astype(np.float64), none.astype(np.float64))
        low, high = (np.concatenate([getattr(one, side) for one in several]) for side in ("low", "high"))
        single = np.concatenate([one.atom & (one.low == one.high) for one in several])
        order = np.lexsort((high, low))
        low, high, single = low[order], high[order], single[order]
        reach = np.maximum.accumulate(high)
        starts = np.flatnonzero(np.r_[True, low[1:] > reach[:-1]]) if low.size else np.empty(0, np.int64)
        positive, negative = (
            _summed(np.concatenate([getattr(one, side) for one in several])[order], starts)
            for side in ("positive", "negative")
        )
        unit = several[0].unit
        if not starts.size:
            return Bins(positive, negative, single, low, high, unit)
        low, high = low[starts], np.maximum.reduceat(high, starts)
        # ranges that meet and are all single scores are one score
        return Bins(positive, negative, np.logical_and.reduceat(single, starts), low, high, unit)

    @cached_property
    def positives(self) -> int:
        """All rows of the class."""
        return exact_sum(self.positive)

    @cached_property
    def negatives(self) -> int:
        """All other rows."""
        return exact_sum(self.negative)

    @property
    def one_sided(self) -> bool:
        """Whether rows of the class, or other rows, are missing: then no ranking of one above the other exists."""
        return not self.positives or not self.negatives

    @cached_property
    def chain(self) -> Chain:
        """The bins from the highest score down, with what lies above each."""
        p, n = (exactly(counts[::-1], self.room) for counts in (self.positive, self.negative))
        tp, fp = np.cumsum(p) - p, np.cumsum(n) - n
        return Chain(p, n, tp, fp, self.atom[::-1], self.low[::-1], self.high[::-1])

    def counted(self, counts: Any) -> Ints | Floats:
        """Counts of these bins as rows (int64), or as the weight that they stand for (float64)."""
        return np.asarray(counts, np.int64) if self.unit == 1.0 else np.asarray(counts, np.float64) * self.unit

    @property
    def room(self) -> int:
        """What sums of products of a positive and a negative count stay below: 4 P N, and sums of counts."""
        return 4 * max(self.positives, 1) * max(self.negatives, 1)


@dataclass(frozen=True, eq=False)
class Chain:
    """Bins from the highest score down: `p`, `n` rows in the slot, `tp`, `fp` rows above it.

    Counts are int64 where every product of them stays within int64, otherwise Python ints, so sums of `p * n` and the
    like are exact. The ROC curve runs from (fp, tp) to (fp + n, tp + p) inside the rectangle of each slot; both ends
    are on it.
    """

    p: Counts
    n: Counts
    tp: Counts
    fp: Counts
    atom: Flags
    low: Floats
    high: Floats

    @cached_property
    def open(self) -> Flags:
        """Slots of which the counts leave the order of rows open: of both kinds, and no atom."""
        return np.asarray(~self.atom & (self.p > 0) & (self.n > 0), bool)


def exactly(counts: Ints, room: int) -> Counts:
    """The counts as they are, or as Python ints if what is made of them may reach `room` beyond int64."""
    return counts if room < _ROOM else counts.astype(object)


def _summed(counts: Ints, starts: Ints) -> Ints:
    """The sums of the runs that begin at `starts`; CountOverflowError if one would pass 2**63 - 1."""
    if not starts.size:
        return counts
    low = np.add.reduceat(counts & 0xFFFFFFFF, starts)
    high = np.add.reduceat(counts >> 32, starts) + (low >> 32)
    if (high >= 2**31).any():
        raise CountOverflowError("a count of pooled scores would pass 2**63 - 1")
    return np.asarray((high << 32) | (low & 0xFFFFFFFF), np.int64)
