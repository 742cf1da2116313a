"""Witnesses: what a slot is known to hold: nothing, one score by its float64 bits, or several; a semilattice.

A witness takes in every score that was ever added to or taken from its slot and never forgets one, so that a slot whose
counts cancelled out and came back is not taken for one that holds a single score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamavg.state.layout import Layout
    from streamavg.state.tables import Ints

    Bits = NDArray[np.uint64]

_PART = 1 << 14
EMPTY, MIXED = np.uint64(2**64 - 1), np.uint64(2**64 - 2)  # no scores: as float64 bits these are nan


def met(a: Bits, b: Bits) -> Bits:
    """What is known of the scores of both, slot by slot; some slots at a time, which stay in the second-level cache."""
    found = np.empty(a.shape, np.uint64)
    flat, first, second = found.reshape(-1), a.reshape(-1), b.reshape(-1)
    for start in range(0, flat.size, _PART):
        part = slice(start, start + _PART)
        one, other = first[part], second[part]
        flat[part] = _one(np.minimum(one, other), np.maximum(_low(one), _low(other)))
    return found


def met_in(witness: Bits, starts: Ints, axis: int = -1) -> Bits:
    """What is known of each run of slots; `starts`, ascending, is where each run begins."""
    least = np.minimum.reduceat(witness, starts, axis)
    return _one(least, np.maximum.reduceat(_low(witness), starts, axis))


def met_over(witness: Bits) -> Bits:
    """What is known of all rows of a table together."""
    if not len(witness):
        return np.full(witness.shape[1:], EMPTY)
    return _one(witness.min(axis=0), _low(witness).max(axis=0))


def refined(witness: Bits, places: Ints, layout: Layout) -> Bits:
    """What witnesses of a coarser layout say of this finer one, slot k of which is part of slot places[k].

    A score is known to be where it belongs; of a mixture every part may be one.
    """
    spread = witness[:, places]
    single = np.where(spread < MIXED, spread, np.uint64(0)).view(np.float64)
    if layout.exact:  # it may be no value of the type
        return np.where((spread < MIXED) & (single != layout.edges()[0]), MIXED, spread)
    elsewhere = (spread < MIXED) & (layout.slots_of(single) != np.arange(layout.slots))
    return np.where(elsewhere, EMPTY, spread)


def witness_of(scores: Any) -> Bits:
    """The witness of each score alone; 0.0 and -0.0 are one score."""
    return (np.asarray(scores).astype(np.float64) + 0.0).view(np.uint64)


def _low(witness: Bits) -> Bits:
    """The same with EMPTY as the least there is: no bits at all, those of 0.0."""
    return np.where(witness == EMPTY, np.uint64(0), witness)


def _one(least: Bits, most: Bits) -> Bits:
    """The one score, if the least is the greatest; EMPTY if there is not even a least."""
    return np.where((least == most) | (least == EMPTY), least, MIXED)
