"""The area under the ROC curve and its kin, each with ends that the counts of slots guarantee and that are attained.

Inside a slot that is no atom the curve is some path from one corner of a rectangle to the other: right then up at
worst, up then right at best. All sums are of integers and are rounded once.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from streamavg.derive.interval import UNDEFINED, Interval, between, exact
from streamavg.errors import InputError

if TYPE_CHECKING:
    from streamavg.derive.bins import Bins, Chain


def roc_auc(bins: Bins) -> Interval:
    """The chance that a row of the class scores above another row, ties counting half.

    Undefined if either kind of row is missing. The estimate halves what each slot leaves open, so it is off by no more
    than half the width.

    >>> from streamavg.derive.bins import Bins
    >>> import numpy as np
    >>> p, n, low = np.array([1, 1, 2]), np.array([3, 1, 0]), np.array([0.0, 0.3, 0.6])
    >>> roc_auc(Bins.of(p, n, np.array([True, False, False]), low, low + 0.2))
    Interval(low=0.78125, estimate=0.8125, high=0.84375, method='bins')
    """
    if bins.one_sided:
        return UNDEFINED
    least, most = _twice_area(bins.chain, len(bins.chain.p))
    return _shares(least, Fraction(least + most, 2), most, 2 * bins.positives * bins.negatives)


def _twice_area(chain: Chain, slots: int) -> tuple[int, int]:
    """Twice the least and the greatest area, in pairs of rows, under the curve through the first so many slots."""
    p, n, tp, open_ = chain.p[:slots], chain.n[:slots], chain.tp[:slots], chain.open[:slots]
    pairs = p * n
    left_open = int(pairs[open_].sum())
    least = 2 * int((n * tp).sum()) + int(pairs.sum()) - left_open
    return least, least + 2 * left_open


def _shares(low: int | Fraction, middle: int | Fraction, high: int | Fraction, whole: int) -> Interval:
    """The three numbers as shares of the whole, each rounded once."""
    return between(float(Fraction(low) / whole), float(Fraction(middle) / whole), float(Fraction(high) / whole))


def partial_auc(bins: Bins, max_fpr: float, standardized: bool = True) -> Interval:
    """The area under the ROC curve up to a false positive rate; standardized as by McClish, so that chance is 0.5.

    Standardized it is `roc_auc_score(max_fpr=...)` of scikit-learn. InputError unless 0 < max_fpr <= 1.
    """
    if not 0 < max_fpr <= 1:
        raise InputError(f"max_fpr is {max_fpr!r}; it must be above 0 and at most 1")
    if bins.one_sided:
        return UNDEFINED
    chain, share = bins.chain, Fraction(max_fpr)
    limit = share * bins.negatives
    slots = int((chain.fp + chain.n <= math.floor(limit)).sum())
    least, most = map(Fraction, _twice_area(chain, slots))
    middle = (least + most) / 2
    if slots < len(chain.p):
        tp, p, n = int(chain.tp[slots]), int(chain.p[slots]), int(chain.n[slots])
        over = limit - int(chain.fp[slots])
        straight = 2 * over * tp + over * over * p / n
        middle += straight
        least += 2 * over * tp if chain.open[slots] else straight
        most += 2 * over * (tp + p) if chain.open[slots] else straight
    whole = 2 * bins.positives * bins.negatives
    if not standardized:
        return _shares(least, middle, most, whole)
    chance = share * share / 2
    low, estimate, high = ((1 + (one / whole - chance) / (share - chance)) / 2 for one in (least, middle, most))
    return _shares(low, estimate, high, 1)


def tpr_at_fpr(bins: Bins, fpr: float) -> Interval:
    """The greatest true positive rate of any threshold whose false positive rate is at most `fpr`.

    The estimate takes the rows of an open slot in random order. InputError unless 0 <= fpr <= 1.
    """
    if not 0 <= fpr <= 1:
        raise InputError(f"fpr is {fpr!r}; it must be at least 0 and at most 1")
    if bins.one_sided:
        return UNDEFINED
    chain, whole = bins.chain, bins.positives
    allowed = _allowed(fpr, bins.negatives)
    slots = int((chain.fp + chain.n <= allowed).sum())
    if slots == len(chain.p):
        return exact(1.0)
    tp, p, n = int(chain.tp[slots]), int(chain.p[slots]), int(chain.n[slots])
    if not chain.open[slots]:
        return exact(tp / whole)
    # before the (m + 1)-th of n others in random order lie (m + 1) / (n + 1) of the positives
    expected = tp + Fraction(p * (allowed - int(chain.fp[slots]) + 1), n + 1)
    return _shares(tp, expected, tp + p, whole)


def _allowed(fpr: float, negatives: int) -> int:
    """The most false positives whose share, as a float, is at most `fpr`: 3 of 10 for 0.3, though 0.3 * 10 < 3."""
    allowed = math.floor(Fraction(fpr) * negatives)
    return allowed + 1 if allowed < negatives and (allowed + 1) / negatives <= fpr else allowed


def youden(bins: Bins) -> Interval:
    """The greatest TPR - FPR of any threshold (Youden's J); the estimate is the greatest at an edge of a slot."""
    if bins.one_sided:
        return UNDEFINED
    chain, whole = bins.chain, bins.positives * bins.negatives
    up, right = chain.p * bins.negatives, chain.n * bins.positives
    start = chain.tp * bins.negatives - chain.fp * bins.positives
    low = max(0, int((start + up - right).max()))
    high = max(low, int((start + up)[chain.open].max(initial=0)))
    return _shares(low, low, high, whole)


def kolmogorov_smirnov(bins: Bins) -> Interval:
    """The greatest distance between the score distributions of the two kinds of rows: max |TPR - FPR|.

    The estimate is the greatest at an edge of a slot.
    """
    if bins.one_sided:
        return UNDEFINED
    chain, whole = bins.chain, bins.positives * bins.negatives
    up, right = chain.p * bins.negatives, chain.n * bins.positives
    start = chain.tp * bins.negatives - chain.fp * bins.positives
    low = int(abs(start + up - right).max())
    corners = ((start + up)[chain.open], (right - start)[chain.open])
    return _shares(low, low, max(low, *(int(corner.max(initial=0)) for corner in corners)), whole)
