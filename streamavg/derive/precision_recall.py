"""Average precision, with ends that the counts of slots guarantee; and the sums of reciprocals they are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamavg.derive.interval import UNDEFINED, Interval, between, exact

if TYPE_CHECKING:
    from streamavg.derive.bins import Bins, Chain, Flags, Floats

_ONE_BY_ONE = 16  # so many reciprocals are added one by one; from there on the series below is good to 1e-16
_ROUNDING = 2.0**-48  # what the float64 sums below may lose, many times over


@dataclass(frozen=True, eq=False)
class Precisions:
    """For each slot from the highest score down, the sum of precision over its positives: least, expected with rows
    in random order, greatest. `settled` slots have one value: atoms, and those in which no order matters.
    """

    least: Floats
    expected: Floats
    most: Floats
    settled: Flags


def average_precision(bins: Bins) -> Interval:
    """The mean, over the rows of the class, of the precision at that row's score (ties share one precision).

    Step-wise, as in scikit-learn; undefined if either kind of row is missing. The estimate takes the rows of a slot in
    random order, where taking them as tied would come out low.

    >>> from streamavg.derive.bins import Bins
    >>> bins = Bins.of(*(np.array(x) for x in ([1, 1], [1, 0], [True, True], [0.2, 0.4], [0.2, 0.4])))
    >>> average_precision(bins).estimate == (1 + 2 / 3) / 2
    True
    """
    if bins.one_sided:
        return UNDEFINED
    found, whole = precisions(bins.chain), bins.positives
    low, estimate, high = (math.fsum(part.tolist()) / whole for part in (found.least, found.expected, found.most))
    if found.settled.all():
        return exact(estimate)
    # outward by what rounding may have lost, so that the ends stay a theorem
    return between(max(low - _ROUNDING, 0.0), estimate, min(high + _ROUNDING, 1.0))


def precisions(chain: Chain) -> Precisions:
    """The sums of precision over the positives of each slot.

    Least: the others first, positives distinct. Greatest: positives tied, above the others. An i-th positive of p among
    n others in random order comes after i n / (p + 1) of them.
    """
    p, n, tp, fp = (np.asarray(counts, np.float64) for counts in (chain.p, chain.n, chain.tp, chain.fp))
    above = tp + fp
    rows = above + p + n
    tied = np.divide(p * (tp + p), rows, out=np.zeros_like(p), where=p > 0)
    most = np.divide(p * (tp + p), tp + p + fp, out=np.zeros_like(p), where=p > 0)
    least = p - (fp + n) * reciprocals(above + n, p)
    a = 1 + n / (p + 1)
    expected = (p + (tp - above / a) * reciprocals(above / a, p)) / a
    settled = np.asarray(chain.atom | (p == 0) | ((n == 0) & ((p == 1) | (fp == 0))), bool)
    least, most = np.where(settled, tied, least), np.where(settled, tied, most)
    return Precisions(least, np.where(settled, tied, np.clip(expected, least, most)), most, settled)


def reciprocals(x: Floats, count: Floats) -> Floats:
    """1 / (x + 1) + 1 / (x + 2) + ... + 1 / (x + count), for x >= 0 and whole counts: digamma(x + count + 1) -
    digamma(x + 1), without the loss of digits that their difference would have where both are large.
    """
    total = np.zeros_like(x)
    for step in range(1, _ONE_BY_ONE + 1):
        total += np.where(count >= step, 1 / (x + step), 0.0)
    rest = np.maximum(count - _ONE_BY_ONE, 0.0)
    first = x + (_ONE_BY_ONE + 1)
    last = first + rest
    # log y - 1 / 2y - 1 / 12y^2 + ... at both ends; the leading terms are subtracted by hand
    return np.asarray(total + np.log1p(rest / first) + rest / first / last / 2 + _tail(last) - _tail(first), np.float64)


def _tail(y: Floats) -> Floats:
    """What digamma(y) has behind log y - 1 / 2y, for y >= 17, where the next term is below 1e-16."""
    z = 1 / (y * y)
    return z * (-1 / 12 + z * (1 / 120 + z * (-1 / 252 + z * (1 / 240 - z / 132))))
