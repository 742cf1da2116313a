"""The best threshold of a class by a criterion: what an edge of a slot reaches, and what no threshold can pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.interval import UNDEFINED, Interval, between
from streamavg.errors import InputError

if TYPE_CHECKING:
    from streamavg.derive.bins import Bins, Chain, Floats


@dataclass(frozen=True)
class BestThreshold:
    """A threshold (score >= threshold is positive; inf: nothing is), the value it reaches, and the counts there.

    `value.low` and `value.estimate` are the value reached, exactly: an edge of a slot cuts rows exactly. `value.high`
    is what no threshold can pass, one inside a slot included.
    """

    threshold: float
    value: Interval
    tp: int
    fp: int
    fn: int
    tn: int


def best_f(bins: Bins, beta: float = 1.0) -> BestThreshold:
    """The threshold of the greatest F-beta; the highest one if several reach it. Undefined without rows of the class.

    >>> from streamavg.derive.bins import Bins
    >>> bins = Bins.of(*(np.array(x) for x in ([0, 3], [4, 1], [False, True], [0.1, 0.7], [0.2, 0.7])))
    >>> found = best_f(bins)
    >>> found.threshold, found.value.estimate == 6 / 7
    (0.7, True)
    """
    if not beta > 0 or math.isinf(beta):
        raise InputError(f"beta is {beta!r}; it must be above 0")
    if not bins.positives:
        return _NOWHERE
    cuts, corners = _cuts(bins.chain), _corners(bins.chain)
    return _best(bins, f_values(*cuts, bins.positives, beta), f_values(*corners, bins.positives, beta))


def f_values(tp: Any, fp: Any, positives: int, beta: float = 1.0) -> Floats:
    """F-beta at cuts with so many true and false positives; 0 where there is no true positive."""
    tp, fp = np.asarray(tp, np.float64), np.asarray(fp, np.float64)
    square = beta * beta
    return np.asarray((1 + square) * tp / (tp + fp + square * positives), np.float64)


def best_youden(bins: Bins) -> BestThreshold:
    """The threshold of the greatest TPR - FPR; the highest one if several reach it. Undefined if a kind is missing."""
    if bins.one_sided:
        return _NOWHERE
    values, most = (
        (tp * bins.negatives - fp * bins.positives) / (bins.positives * bins.negatives)
        for tp, fp in (_cuts(bins.chain), _corners(bins.chain))
    )
    return _best(bins, values.astype(np.float64), most.astype(np.float64))


def best_recall(bins: Bins, precision: float) -> BestThreshold:
    """The greatest recall of a threshold whose precision is at least this; inf, with recall 0, if none reaches it."""
    _share("precision", precision)
    if not bins.positives:
        return _NOWHERE
    sides = []
    for tp, fp in (_cuts(bins.chain), _corners(bins.chain)):
        sides.append(np.where(precision_values(tp, fp) >= precision, (tp / bins.positives).astype(np.float64), 0.0))
    return _best(bins, sides[0], sides[1])


def best_precision(bins: Bins, recall: float) -> BestThreshold:
    """The greatest precision of a threshold whose recall is at least this; of several the one with most recall."""
    _share("recall", recall)
    if not bins.positives:
        return _NOWHERE
    sides = []
    for tp, fp in (_cuts(bins.chain), _corners(bins.chain)):
        reached = (tp / bins.positives).astype(np.float64) >= recall
        sides.append(np.where(reached & (tp > 0), precision_values(tp, fp), 0.0))
    return _best(bins, sides[0], sides[1], last=True)


def precision_values(tp: Any, fp: Any) -> Floats:
    """Precision at cuts with so many true and false positives; nan where nothing is predicted."""
    tp, fp = np.asarray(tp, np.float64), np.asarray(fp, np.float64)
    predicted = tp + fp
    found = np.full(np.shape(tp), math.nan)
    np.divide(tp, predicted, out=found, where=predicted > 0)
    return found


def _share(name: str, value: Any) -> None:
    if not isinstance(value, int | float | np.number) or not 0 <= value <= 1:
        raise InputError(f"the required {name} is {value!r}; it must be at least 0 and at most 1")


_NOWHERE = BestThreshold(math.nan, UNDEFINED, 0, 0, 0, 0)


def _cuts(chain: Chain) -> tuple[Any, Any]:
    """True and false positives at the lower edge of each slot from the highest down, after the cut above all."""
    zero = np.zeros(1, chain.p.dtype)
    return np.concatenate((zero, chain.tp + chain.p)), np.concatenate((zero, chain.fp + chain.n))


def _corners(chain: Chain) -> tuple[Any, Any]:
    """The best that a threshold inside each open slot could have: all its positives and none of its others."""
    return (chain.tp + chain.p)[chain.open], chain.fp[chain.open]


def _best(bins: Bins, values: Floats, corners: Floats, last: bool = False) -> BestThreshold:
    """The cut with the greatest value, the first (or last) of them, and the greatest value at any corner."""
    cut = len(values) - 1 - int(np.argmax(values[::-1])) if last else int(np.argmax(values))
    tp, fp = (int(counts[cut]) for counts in _cuts(bins.chain))
    reached = float(values[cut])
    value = between(reached, reached, max(reached, float(corners.max(initial=0.0))))
    threshold = float(bins.chain.low[cut - 1]) if cut else math.inf
    return BestThreshold(threshold, value, tp, fp, bins.positives - tp, bins.negatives - fp)
