"""The mean of curves of several classes, with limits from left and right, so that its area is the mean of theirs.

Interpolating each curve at all x, as commonly done, keeps one value where a curve jumps and comes out too high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamavg.derive.curves import Line, line_table, pr_line, roc_line
from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from streamavg.derive.bins import Bins, Floats


@dataclass(frozen=True, eq=False)
class _Piecewise:
    """Three functions of x on [0, 1], straight between consecutive x, with limits (3, M) from left and right."""

    x: Floats
    left: Floats
    right: Floats

    @staticmethod
    def of(line: Line, weight: float) -> _Piecewise:
        sides = np.stack((line.low, line.y, line.high)) * weight
        first = np.r_[True, line.x[1:] != line.x[:-1]]
        last = np.r_[first[1:], True]
        left, right, x = sides[:, first], sides[:, last], line.x[first]
        # inside a level run points say nothing; of a rare class they are most
        level = (left[:, 1:-1] == right[:, 1:-1]) & (right[:, :-2] == left[:, 1:-1]) & (right[:, 1:-1] == left[:, 2:])
        keep = np.r_[True, ~level.all(axis=0), True]
        return _Piecewise(x[keep], left[:, keep], right[:, keep])

    def at(self, x: Floats) -> tuple[Floats, Floats]:
        """The limits at each of `x`, all within [0, 1]."""
        after = np.searchsorted(self.x, x)
        hit = self.x[after] == x
        before = np.maximum(after - 1, 0)
        span = np.where(hit, 1.0, self.x[after] - self.x[before])
        step = (x - self.x[before]) / span
        inner = self.right[:, before] + step * (self.left[:, after] - self.right[:, before])
        return np.where(hit, self.left[:, after], inner), np.where(hit, self.right[:, after], inner)

    def __add__(self, other: _Piecewise) -> _Piecewise:
        x = np.union1d(self.x, other.x)
        (left, right), (left_too, right_too) = self.at(x), other.at(x)
        return _Piecewise(x, left + left_too, right + right_too)


def mean_line(lines: Sequence[Line], weights: Sequence[float] | None = None) -> Line:
    """The (weighted) mean of lines that run from x = 0 to x = 1, at every x at which one of them bends or jumps.

    InputError without any line of weight above 0.
    """
    shares = [1.0] * len(lines) if weights is None else [float(weight) for weight in weights]
    total = math.fsum(shares)
    if not total:
        raise InputError("there is no class to take the mean curve of: each needs rows of the class and others")
    # by halves, so that n lines cost log n passes over all points
    parts = [_Piecewise.of(line, share / total) for line, share in zip(lines, shares, strict=True) if share]
    while len(parts) > 1:
        pairs = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[2 * len(pairs) :]
    whole = parts[0]
    jump = (whole.left != whole.right).any(axis=0)
    keep = np.stack((np.ones(len(jump), bool), jump), axis=1)
    low, y, high = (np.stack(side, axis=1)[keep] for side in zip(whole.left, whole.right, strict=True))
    return Line(np.stack((whole.x, whole.x), axis=1)[keep], low, y, high, np.full(len(y), math.nan))


def mean_roc_table(several: Sequence[Bins], weights: Sequence[float] | None = None) -> pa.Table:
    """The macro ROC curve: fpr, tpr_low, tpr, tpr_high; areas are the means of the ends of the classes' `roc_auc`.

    Classes of which one kind of row is missing leave the mean, as in the number.
    """
    return line_table(_mean_of(roc_line, several, weights), "fpr", "tpr")


def mean_pr_table(several: Sequence[Bins], weights: Sequence[float] | None = None) -> pa.Table:
    """The macro precision-recall curve: recall, precision_low, precision, precision_high; the area under precision is
    the mean of the estimates of `average_precision`. Classes of which one kind of row is missing leave the mean.
    """
    return line_table(_mean_of(pr_line, several, weights), "recall", "precision")


def _mean_of(line: Callable[[Bins], Line], several: Sequence[Bins], weights: Sequence[float] | None) -> Line:
    shares = [1.0] * len(several) if weights is None else weights
    kept = [(one, share) for one, share in zip(several, shares, strict=True) if not one.one_sided]
    return mean_line([line(one) for one, _ in kept], [share for _, share in kept])
