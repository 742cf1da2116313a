"""Calibration: how far scores are from the shares of positives among rows of like score."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.bins import exactly
from streamavg.derive.interval import UNDEFINED, Interval, between
from streamavg.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.derive.bins import Bins, Floats
    from streamavg.state.tables import Ints

UNIT = 2.0**-30  # the sums of scores in a table are in these units
_ROUNDED = UNIT / 2  # each score was rounded to a whole number of units, so it is off by no more than this


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of rows of like score that are not empty, ascending: the scores from `least` to `most` that they hold,
    rows, positives, and the mean score as low, estimate, high, of shape (G,) each.
    """

    least: Floats
    most: Floats
    rows: Floats
    positives: Floats
    mean_low: Floats
    mean: Floats
    mean_high: Floats

    @property
    def share(self) -> Floats:
        """The share of positives in each group."""
        return self.positives / self.rows


def equal_width(table: Ints | Floats) -> Groups:
    """The groups of a table of bands of equal width over [0, 1]: rows, positives, sum of score in units of 2**-30.

    >>> equal_width(np.array([[2, 1, 2**29], [0, 0, 0]])).mean
    array([0.25])
    """
    edges = np.linspace(0, 1, len(table) + 1)
    kept = table[:, 0] > 0
    rows, positives, sums = table[kept].T.astype(np.float64)
    mean = sums * UNIT / rows
    ends = np.maximum(mean - _ROUNDED, 0.0), mean, np.minimum(mean + _ROUNDED, 1.0)
    return Groups(edges[:-1][kept], edges[1:][kept], rows, positives, *ends)


def equal_mass(bins: Bins, groups: int = 15) -> Groups:
    """Groups of slots with as equally many rows as slots allow; fewer groups where one slot holds more than its part.

    The mean score is known up to the width of the slots. InputError if a score is outside [0, 1].
    """
    if groups < 1:
        raise InputError(f"groups is {groups!r}; it must be at least 1")
    if bins.low.size and (bins.low[0] < 0 or bins.high[-1] > 1):
        raise InputError(
            f"calibration needs scores that are probabilities, within [0, 1]; they run from {bins.low[0]:g} to "
            f"{bins.high[-1]:g}"
        )
    whole = bins.positives + bins.negatives
    positive, negative = (exactly(counts, 2 * groups * (whole + 1)) for counts in (bins.positive, bins.negative))
    starts = _starts(np.cumsum(positive + negative), whole, groups)
    if not starts.size:
        return Groups(*np.empty((7, 0)))
    p, n = (np.add.reduceat(counts, starts).astype(np.float64) for counts in (positive, negative))
    rows = np.asarray(positive + negative, np.float64)
    low, high = (np.add.reduceat(rows * side, starts) / (p + n) for side in (bins.low, bins.high))
    ends = np.r_[starts[1:], len(rows)] - 1
    rows, positives = (p + n) * bins.unit, p * bins.unit
    return Groups(bins.low[starts], bins.high[ends], rows, positives, low, (low + high) / 2, high)


def _starts(until: Any, whole: int, groups: int) -> Ints:
    """Where groups of slots start: at the edge nearest to each equal part of the rows, each edge once."""
    if not len(until):
        return np.empty(0, np.int64)
    edges = np.concatenate((np.zeros(1, until.dtype), until)) * groups
    wanted = np.array([whole * part for part in range(groups)], until.dtype)
    after = np.searchsorted(edges, wanted)
    before = np.maximum(after - 1, 0)
    nearer = np.where(wanted - edges[before] < edges[after] - wanted, before, after)
    return np.asarray(np.unique(nearer[nearer < len(until)]), np.int64)


def ece(groups: Groups, debiased: bool = False) -> Interval:
    """The expected calibration error: mean over rows of |mean score - share of positives| of their group.

    Plain it is biased upward: 0.03 for a calibrated model at 2,000 rows in 15 groups. Debiased it is the signed root of
    the mean of (mean score - share)^2 - share (1 - share) / (rows - 1), for rows that count once each. Undefined
    without rows.

    >>> ece(equal_width(np.array([[4, 1, 2**31], [4, 4, 2**32]]))).estimate
    0.125
    """
    if not groups.rows.size:
        return UNDEFINED
    low, high = groups.mean_low - groups.share, groups.mean_high - groups.share
    least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(abs(low), abs(high)))
    parts = (least, abs(groups.mean - groups.share), np.maximum(abs(low), abs(high)))
    if debiased:
        noise = groups.share * (1 - groups.share) / np.maximum(groups.rows - 1, 1)
        parts = (parts[0] ** 2 - noise, parts[1] ** 2 - noise, parts[2] ** 2 - noise)
    whole = math.fsum(groups.rows.tolist())
    ends = [math.fsum((groups.rows * part).tolist()) / whole for part in parts]
    if debiased:
        ends = [math.copysign(math.sqrt(abs(end)), end) for end in ends]
    return between(ends[0], ends[1], ends[2])


def reliability(groups: Groups) -> pa.Table:
    """The reliability curve, a row a group: score_low and score_high (the scores it may hold), rows, positives, score
    (mean) between mean_low and mean_high, and share, the part of its rows that is positive. Rows and positives are
    float64 if they are sums of weights that are not whole.
    """
    import pyarrow as pa

    return pa.table(
        {
            "score_low": groups.least,
            "score_high": groups.most,
            "rows": _whole(groups.rows),
            "positives": _whole(groups.positives),
            "mean_low": groups.mean_low,
            "score": groups.mean,
            "mean_high": groups.mean_high,
            "share": groups.share,
        }
    )


def _whole(counts: Floats) -> Ints | Floats:
    whole = bool((counts == np.floor(counts)).all() and counts.max(initial=0.0) < 2.0**63)
    return counts.astype(np.int64) if whole else counts
