"""Exact: ROC AUC and average precision to the last rational, from slots whose inner order is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.state.labels import MOST
from streamavg.state.tables import exact_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamavg.state.tables import Ints


@dataclass(frozen=True)
class Inside:
    """What a slot with positives and negatives gives by the order of the scores in it.

    wins: twice the (positive, negative) pairs in the right order, ties once. steps: over its scores, positives times
    the precision at that score, summed.
    """

    wins: int
    steps: float


@dataclass
class Ranked:
    """The exact values of one ranking."""

    roc_auc: Fraction | None
    average_precision: float


def insides(slots: Ints, positive: Ints, negative: Ints, above: tuple[Ints, Ints]) -> dict[int, Inside]:
    """Slot -> what it gives, from distinct scores ascending with their slots and counts.

    above: positives and negatives in higher slots than each slot, arrays over all slots.
    """
    starts = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]]) if len(slots) else np.empty(0, np.int64)
    if not len(starts):
        return {}
    places, lengths = slots[starts], np.diff(starts, append=len(slots))
    most = exact_sum(positive), exact_sum(negative)
    if 2 * most[0] * max(most[1], 1) >= MOST:
        positive, negative = positive.astype(object), negative.astype(object)
    p, n = np.cumsum(positive), np.cumsum(negative)
    below = n - negative - np.repeat((n - negative)[starts], lengths)
    wins = np.add.reduceat(positive * (2 * below + negative), starts)
    ends = starts + lengths - 1
    hits = np.flatnonzero(positive)  # the precision at other scores counts nothing
    tops = (np.repeat(p[ends] + above[0][places], lengths) - p + positive)[hits].astype(np.float64)
    falls = (np.repeat(n[ends] + above[1][places], lengths) - n + negative)[hits].astype(np.float64)
    terms = (positive[hits].astype(np.float64) * (tops / (tops + falls))).tolist()
    cuts = np.searchsorted(hits, [*starts.tolist(), len(slots)]).tolist()
    return {
        slot: Inside(int(won), math.fsum(terms[first:end]))
        for slot, won, first, end in zip(places.tolist(), wins.tolist(), cuts[:-1], cuts[1:], strict=True)
    }


def ranked(positive: Ints, negative: Ints, inside: dict[int, Inside]) -> Ranked:
    """The exact values of slots ascending in score; slots of one score, or of one kind of row, need no `inside`."""
    p, n = positive.astype(object), negative.astype(object)
    rows, others = int(p.sum()) if len(p) else 0, int(n.sum()) if len(n) else 0
    below = np.cumsum(n) - n
    tops, falls = rows - np.cumsum(p) + p, others - np.cumsum(n) + n
    wins, steps = 0, []
    for slot in np.flatnonzero(positive).tolist():
        known = inside.get(slot)
        wins += 2 * p[slot] * below[slot] + (known.wins if known else p[slot] * n[slot])
        steps.append(known.steps if known else p[slot] * (tops[slot] / (tops[slot] + falls[slot])))
    area = Fraction(int(wins), 2 * rows * others) if rows and others else None
    return Ranked(area, math.fsum(steps) / rows if rows else math.nan)


def mixed(positive: Ints, negative: Ints, atom: Any) -> NDArray[np.bool_]:
    """The slots, ascending in score, whose inner order matters.

    For ROC AUC those with both kinds of rows; for average precision also those of several positives with negatives
    above them, because the precision changes from one to the next.
    """
    above = negative.sum() - np.cumsum(negative)  # negatives in higher slots
    return np.asarray((positive > 0) & ((negative > 0) | ((positive > 1) & (above > 0))) & ~atom)
