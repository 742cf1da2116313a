"""Scores: label x {all, positive} x slots, the histogram from which curves and their areas are read with bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from streamavg.errors import CountOverflowError, MismatchError
from streamavg.state.tables import checked_add, checked_negative, frozen
from streamavg.state.witness import EMPTY, MIXED, met, met_in, met_over, refined

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from streamavg.state.layout import Layout
    from streamavg.state.slots import Floats
    from streamavg.state.tables import Ints
    from streamavg.state.witness import Bits


class Slots(NamedTuple):
    """The slots of a label that hold rows, ascending: rows of either kind, whether one score is all, and the edges."""

    positive: Ints
    negative: Ints
    atom: NDArray[np.bool_]
    low: Floats
    high: Floats


@dataclass(frozen=True, eq=False)
class Scores:
    """How many scores of each label fell in each slot, and how many of them where the label was true. A group.

    layout: None while nothing was counted. labels: by code point, those with a count or a witness. every, positive:
    int64 (labels, slots). witness: uint64 (labels, slots), a hint: EMPTY, the float64 bits of the one score that the
    slot has met, or MIXED. narrow: all scores were float32 or narrower. versus: int64 (labels, labels, slots): true
    label, label of the score, slot; or None where it is not kept.
    """

    layout: Layout | None
    labels: tuple[str, ...]
    every: Ints
    positive: Ints
    witness: Bits
    narrow: bool = True
    versus: Ints | None = None

    @staticmethod
    def zero() -> Scores:
        """No scores, in no layout yet."""
        nothing = np.empty((0, 0), np.int64)
        return Scores(None, (), frozen(nothing), frozen(nothing), _sealed(nothing.view(np.uint64)))

    @staticmethod
    def of(
        layout: Layout,
        labels: Sequence[str],
        tables: tuple[Ints, Ints, Bits],
        narrow: bool,
        versus: Ints | None = None,
    ) -> Scores:
        """The scores of these labels, each given once, in any order; tables: every, positive, witness, kept as is."""
        every, positive, witness = tables
        held = every.any(axis=1) | positive.any(axis=1) | (witness != EMPTY).any(axis=1)
        if versus is not None:
            held |= versus.any(axis=(0, 2)) | versus.any(axis=(1, 2))
        keep = np.flatnonzero(held).tolist()
        if not keep:
            return Scores.zero()
        keep.sort(key=labels.__getitem__)
        kept = None if versus is None else frozen(versus[np.ix_(keep, keep)])
        names = tuple(labels[k] for k in keep)
        if names == tuple(labels):
            return Scores(layout, names, frozen(every), frozen(positive), _sealed(witness), narrow, kept)
        return Scores(layout, names, frozen(every[keep]), frozen(positive[keep]), _sealed(witness[keep]), narrow, kept)

    @property
    def holds_nothing(self) -> bool:
        """Whether nothing was ever counted, so that adding this changes nothing, not even a witness."""
        return not self.labels

    @property
    def is_zero(self) -> bool:
        """Whether every count is zero; witnesses may be left over from what cancelled out."""
        return not (self.every.any() or self.positive.any() or (self.versus is not None and self.versus.any()))

    @property
    def size(self) -> int:
        """Bytes held by the arrays and label texts; depends on labels and slots, never on rows."""
        held = self.every.nbytes + self.positive.nbytes + self.witness.nbytes + sum(map(len, self.labels))
        return held + (self.versus.nbytes if self.versus is not None else 0)

    def __add__(self, other: Scores) -> Scores:
        if self.layout is None or other.layout is None:
            return self if other.layout is None else other
        layout = self.layout.joined(other.layout)
        union = tuple(sorted({*self.labels, *other.labels}))
        a, b = (scores.coarsened(layout)._at(union) for scores in (self, other))
        tables = (checked_add(a.every, b.every), checked_add(a.positive, b.positive), met(a.witness, b.witness))
        if a.versus is not None and b.versus is not None:
            versus: Ints | None = checked_add(a.versus, b.versus)
        elif (a.versus is not None and not b.is_zero) or (b.versus is not None and not a.is_zero):
            raise MismatchError("one state holds one-vs-one scores and the other does not")
        else:  # the zero has none to add
            versus = b.versus if a.versus is None else a.versus
        return Scores.of(layout, union, tables, self.narrow and other.narrow, versus)

    def __neg__(self) -> Scores:
        versus = None if self.versus is None else frozen(checked_negative(self.versus))
        every, positive = frozen(checked_negative(self.every)), frozen(checked_negative(self.positive))
        return replace(self, every=every, positive=positive, versus=versus)

    def __sub__(self, other: Scores) -> Scores:
        return self + -other

    def coarsened(self, layout: Layout) -> Scores:
        """The same rows in a coarser layout; MismatchError if it is not coarser."""
        if self.layout is None or self.layout == layout:
            return self
        places = self.layout.coarser(layout)
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        taken, shape = places[starts], (len(self.labels), layout.slots)  # no float16 falls in some of 16,100 slots
        every, positive, witness = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.full(shape, EMPTY)
        every[:, taken], positive[:, taken] = _grouped(self.every, starts), _grouped(self.positive, starts)
        witness[:, taken] = met_in(self.witness, starts)
        versus = None
        if self.versus is not None:
            versus = np.zeros((len(self.labels), *shape), np.int64)
            versus[:, :, taken] = _grouped(self.versus, starts)
            versus = frozen(versus)
        return replace(
            self,
            layout=layout,
            every=frozen(every),
            positive=frozen(positive),
            witness=_sealed(witness),
            versus=versus,
        )

    def in_layout(self, layout: Layout | None) -> Scores:
        """The same rows in the layout of a sum; MismatchError if it is not coarser.

        Where every count is zero, what witnesses still know, in any layout of the family, for a zero changes no sum.
        """
        if self.layout is None or self.layout == layout:
            return self
        if layout is None or (self.is_zero and layout.family != self.layout.family):
            return Scores.zero() if self.is_zero else self
        met_in_both = self.layout.joined(layout)
        if met_in_both == layout or not self.is_zero:
            return self.coarsened(layout)
        coarse = self.coarsened(met_in_both)
        witness = refined(coarse.witness, layout.coarser(met_in_both), layout)
        nothing = np.zeros(witness.shape, np.int64)
        return Scores.of(layout, self.labels, (nothing, nothing, witness), self.narrow)

    def _at(self, labels: tuple[str, ...]) -> Scores:
        """The same with these labels, which hold all of ours, in this order; zeros where a label is not held."""
        if labels == self.labels:
            return self
        place = {label: k for k, label in enumerate(labels)}
        places = [place[label] for label in self.labels]
        shape = (len(labels), self.every.shape[1])
        every, positive, witness = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.full(shape, EMPTY)
        every[places], positive[places], witness[places] = self.every, self.positive, self.witness
        versus = None
        if self.versus is not None:
            versus = np.zeros((len(labels), *shape), np.int64)
            versus[np.ix_(places, places)] = self.versus
        return replace(self, labels=labels, every=every, positive=positive, witness=witness, versus=versus)

    def bins(self, label: str) -> Slots:
        """The slots of a label; none if it is not held."""
        if self.layout is None or label not in self.labels:
            return _no_slots()
        k = self.labels.index(label)
        return self._slots(self.layout, self.every[k], self.positive[k], self.witness[k])

    def against(self, true: str, other: str) -> Slots:
        """One against one: the scores of label `true` on its own rows (positive) and on rows of `other` (negative)."""
        if self.layout is None or self.versus is None or not {true, other} <= {*self.labels}:
            return _no_slots()
        i, j = self.labels.index(true), self.labels.index(other)
        own = self.versus[i, i]
        return self._slots(self.layout, checked_add(own, self.versus[j, i]), own, self.witness[i])

    def pooled(self) -> Slots:
        """The slots of all labels together; an atom only where the labels that have rows there agree on one score."""
        if self.layout is None:
            return _no_slots()
        witness = met_over(np.where(self.every != 0, self.witness, EMPTY))
        return self._slots(self.layout, _summed(self.every), _summed(self.positive), witness)

    def _slots(self, layout: Layout, every: Ints, positive: Ints, witness: Bits) -> Slots:
        held = np.flatnonzero(every | positive)
        low, high = layout.edges(self.narrow)
        known = witness < MIXED
        score = np.where(known, witness, 0).view(np.float64)
        low, high = np.where(known, score, low), np.where(known, score, high)
        return Slots(positive[held], every[held] - positive[held], (low == high)[held], low[held], high[held])

    @property
    def atoms(self) -> NDArray[np.bool_]:
        """Which slots of each label hold one distinct score at most, shape (C, K)."""
        single = self.layout.single(self.narrow) if self.layout else np.empty(0, bool)
        return np.asarray(single | (self.witness < MIXED))

    def parts(self) -> Iterator[str | Ints]:
        """What the fingerprint covers, in a form that is the same for equal counts: texts and int64 arrays."""
        if self.layout is None or self.is_zero:
            return
        counted = np.flatnonzero(self.every.any(axis=1) | self.positive.any(axis=1)).tolist()
        yield self.layout.name
        yield np.array([len(counted)])
        for k in counted:
            slots = np.flatnonzero(self.every[k] | self.positive[k])
            yield self.labels[k]
            yield np.array([len(slots)])
            yield from (slots, self.every[k, slots], self.positive[k, slots])
        if self.versus is not None:
            for i, j in np.argwhere(self.versus.any(axis=2)).tolist():
                slots = np.flatnonzero(self.versus[i, j])
                yield from (self.labels[i], self.labels[j], np.array([len(slots)]), slots, self.versus[i, j, slots])

    @property
    def first_negative(self) -> str | None:
        """What cannot be read: the first label that has fewer than no scores in a slot, or None."""
        kinds = {"scores": self.every, "positives": self.positive, "negatives": self.every - self.positive}
        for what, table in kinds.items():
            below = np.argwhere(table < 0)
            if below.size:
                k, slot = below[0].tolist()
                return f"label {self.labels[k]!r} has {table[k, slot]} {what} in slot {slot} of {self.every.shape[1]}"
        if self.versus is not None and (self.versus < 0).any():
            k = int(np.argwhere(self.versus < 0)[0, 0])
            return f"label {self.labels[k]!r} has a negative number of scores against another"
        return None


def _no_slots() -> Slots:
    nothing, floats = np.empty(0, np.int64), np.empty(0)
    return Slots(nothing, nothing, np.empty(0, bool), floats, floats)


def _sealed(witness: Bits) -> Bits:
    witness = np.ascontiguousarray(witness)
    witness.flags.writeable = False
    return witness


def _grouped(table: Ints, starts: Ints) -> Ints:
    """The sums of runs of slots along the last axis, each run from one of `starts`; CountOverflowError beyond int64."""
    return _whole(np.add.reduceat(table >> 32, starts, -1), np.add.reduceat(table & 0xFFFFFFFF, starts, -1))


def _summed(table: Ints) -> Ints:
    """The sum of all rows of a table; CountOverflowError beyond int64."""
    return _whole((table >> 32).sum(axis=0), (table & 0xFFFFFFFF).sum(axis=0))


def _whole(high: Ints, low: Ints) -> Ints:
    high = high + (low >> 32)
    if ((high < -(2**31)) | (high >= 2**31)).any():
        raise CountOverflowError("a count of scores would pass 2**63 - 1; nothing was added")
    return (high << 32) | (low & 0xFFFFFFFF)
