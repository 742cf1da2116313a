"""Exact: ROC AUC and average precision to the last rational, from slots whose inner order is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]


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
    inside: dict[int, Inside] = field(default_factory=dict)


def insides(slots: Ints, positive: Ints, negative: Ints, above: tuple[Ints, Ints]) -> dict[int, Inside]:
    """Slot -> what it gives, from distinct scores ascending with their slots and counts.

    above: positives and negatives in higher slots than each slot, arrays over all slots.
    """
    found = {}
    edges = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1], True]) if len(slots) else np.zeros(1, np.int64)
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        slot = int(slots[start])
        p, n = positive[start:end], negative[start:end]
        found[slot] = Inside(_wins(p, n), _steps(p, n, int(above[0][slot]), int(above[1][slot])))
    return found


def _wins(positive: Ints, negative: Ints) -> int:
    """Sum of p (2 negatives below + n) over scores ascending, in Python ints where int64 would not do."""
    most = int(positive.sum(dtype=object)), int(negative.sum(dtype=object))
    if 2 * most[0] * max(most[1], 1) < 2**63:
        return int((positive * (2 * (np.cumsum(negative) - negative) + negative)).sum())
    p, n = positive.astype(object), negative.astype(object)
    return int((p * (2 * (np.cumsum(n) - n) + n)).sum())


def _steps(positive: Ints, negative: Ints, tp: int, fp: int) -> float:
    """Sum of p times the precision at its score, scores ascending; tp, fp are above all of them."""
    tops = np.cumsum(positive[::-1])[::-1].astype(np.float64) + float(tp)
    falls = np.cumsum(negative[::-1])[::-1].astype(np.float64) + float(fp)
    with np.errstate(invalid="ignore"):
        terms = np.where(positive > 0, positive * (tops / (tops + falls)), 0.0)
    return math.fsum(terms.tolist())


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
    return Ranked(area, math.fsum(steps) / rows if rows else math.nan, inside)


def mixed(positive: Ints, negative: Ints, atom: Any) -> NDArray[np.bool_]:
    """The slots, ascending in score, whose inner order matters.

    For ROC AUC those with both kinds of rows; for average precision also those of several positives with negatives
    above them, because the precision changes from one to the next.
    """
    above = negative.sum() - np.cumsum(negative)  # negatives in higher slots
    return np.asarray((positive > 0) & ((negative > 0) | ((positive > 1) & (above > 0))) & ~atom)
