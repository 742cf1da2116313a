"""Intervals: an estimate between two ends that the counts guarantee, and means of such."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Interval:
    """low <= estimate <= high, and how the ends were found: "bins" (what slots of scores, or the rounding of their
    sums, leave open), "ties" (what breaking ties leaves open), "exact" (nothing is open: the ends are the estimate) or
    "undefined" (all three are nan).
    """

    low: float
    estimate: float
    high: float
    method: str

    @property
    def width(self) -> float:
        """high - low."""
        return self.high - self.low

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.estimate)


UNDEFINED = Interval(math.nan, math.nan, math.nan, "undefined")


def exact(value: float) -> Interval:
    """The interval of a value that is known; UNDEFINED for nan.

    >>> exact(0.5)
    Interval(low=0.5, estimate=0.5, high=0.5, method='exact')
    """
    return UNDEFINED if math.isnan(value) else Interval(value, value, value, "exact")


def between(low: float, estimate: float, high: float, method: str = "bins") -> Interval:
    """The interval of a value that slots of scores (or ties) leave open; exact if they leave nothing open.

    >>> between(0.25, 0.5, 0.75).method, between(0.5, 0.5, 0.5).method
    ('bins', 'exact')
    """
    return exact(estimate) if low == high else Interval(low, estimate, high, method)


def mean(intervals: Sequence[Interval], weights: Sequence[float] | None = None) -> Interval:
    """The (weighted) mean; its ends are the means of the ends, which is a theorem if those of the terms are.

    Undefined intervals leave the mean, and their weights with them; without any defined one of weight above 0 the mean
    is undefined. Weights are finite and not negative.

    >>> mean([exact(0.5), UNDEFINED, exact(1.0)], [1, 5, 3]).estimate
    0.875
    """
    shares = [1.0] * len(intervals) if weights is None else [float(weight) for weight in weights]
    kept = [(one, share) for one, share in zip(intervals, shares, strict=True) if one.defined]
    total = math.fsum(share for _, share in kept)
    if not total:
        return UNDEFINED
    low, estimate, high = (
        math.fsum(getattr(one, side) * share for one, share in kept) / total for side in ("low", "estimate", "high")
    )
    return between(low, estimate, high)
