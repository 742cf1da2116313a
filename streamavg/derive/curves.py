"""Curves of one histogram of scores: ROC, precision-recall and thresholds, with the envelope that slots leave open.

ROC and precision-recall come as `Line`s: joining consecutive rows by straight lines draws the curve and the two
sides of its envelope, and the area under each is that of the metric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.precision_recall import precisions
from streamavg.derive.thresholds import f_values, precision_values
from streamavg.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.derive.bins import Bins, Chain, Flags, Floats


@dataclass(frozen=True, eq=False)
class Line:
    """Points of a drawn curve in order: x never falls; at one x several points are the limits from left and right.

    `threshold` is nan for points that no edge of a slot has: they are ends of what lies inside a slot.
    """

    x: Floats
    low: Floats
    y: Floats
    high: Floats
    threshold: Floats

    @property
    def areas(self) -> tuple[float, float, float]:
        """The areas under low, y and high."""
        low, y, high = (float(np.trapezoid(side, self.x)) for side in (self.low, self.y, self.high))
        return low, y, high


def roc_line(bins: Bins) -> Line:
    """The ROC curve, x false and y true positive rate, from (0, 0) to (1, 1); its areas are those of `roc_auc`.

    A point with a threshold is exact. Between two of them the curve is a straight line for an atom, and otherwise
    somewhere between low (right, then up) and high (up, then right). InputError if a kind of row is missing.
    """
    refuse_one_sided(bins, "ROC")
    chain = bins.chain
    fp, tp = _shares(chain.fp, bins.negatives), _shares(chain.tp, bins.positives)
    fp_end, tp_end = _shares(chain.fp + chain.n, bins.negatives), _shares(chain.tp + chain.p, bins.positives)
    inner = chain.open
    return _line(
        chain,
        (inner, inner),
        x=(fp, fp_end, fp_end),
        low=(tp, tp, tp_end),
        y=(tp, tp_end, tp_end),
        high=(tp_end, tp_end, tp_end),
        first=0.0,
    )


def pr_line(bins: Bins) -> Line:
    """The precision-recall curve, x recall and y precision, from recall 0 (precision 1 by convention) to recall 1.

    A point with a threshold is exact. The stretch before it belongs to the positives of its slot: low and high bound
    the precision at each of them, y is its expected mean with rows in random order, level as in scikit-learn, so that
    the area under y is the estimate of `average_precision`. InputError if a kind of row is missing.
    """
    refuse_one_sided(bins, "precision-recall")
    chain = bins.chain
    found = precisions(chain)
    p, n, tp, fp = (np.asarray(counts, np.float64) for counts in (chain.p, chain.n, chain.tp, chain.fp))
    rise = p > 0
    once = np.maximum(p, 1.0)
    y, most = found.expected / once, found.most / once
    least = np.where(found.settled, y, (tp + 1) / (tp + 1 + fp + n))
    recall, recall_end = _shares(chain.tp, bins.positives), _shares(chain.tp + chain.p, bins.positives)
    end = (tp + p) / (tp + p + fp + n)
    return _line(
        chain,
        (rise, rise & ~found.settled),
        x=(recall, recall_end, recall_end),
        low=(least, least, end),
        y=(y, y, end),
        high=(most, most, end),
        first=1.0,
    )


def refuse_one_sided(bins: Bins, what: str) -> None:
    """InputError if there are no rows of the class or no others."""
    if bins.one_sided:
        missing = "rows of the class" if not bins.positives else "rows outside the class"
        raise InputError(f"there is no {what} curve without {missing}")


def _shares(counts: Any, whole: int) -> Floats:
    return np.asarray(counts / whole, np.float64)


def _line(chain: Chain, inner: tuple[Flags, Flags], first: float, **sides: tuple[Floats, Floats, Floats]) -> Line:
    """The points of each slot in turn: where wanted its two inner ones, then the exact one at its lower edge."""
    keep = np.stack((*inner, np.ones(len(chain.p), bool)), axis=1)
    nothing = np.full(len(chain.p), math.nan)
    sides["threshold"] = (nothing, nothing, chain.low)
    start = {"x": 0.0, "threshold": math.inf}
    points = {side: np.r_[start.get(side, first), np.stack(parts, axis=1)[keep]] for side, parts in sides.items()}
    return Line(**points)


def roc_table(bins: Bins) -> pa.Table:
    """`roc_line` as a table: threshold, fpr, tpr_low, tpr, tpr_high; the threshold of inner points is null."""
    return line_table(roc_line(bins), "fpr", "tpr")


def pr_table(bins: Bins) -> pa.Table:
    """`pr_line` as a table: threshold, recall, precision_low, precision, precision_high; inner thresholds are null."""
    return line_table(pr_line(bins), "recall", "precision")


def line_table(line: Line, x: str, y: str) -> pa.Table:
    """A line as a table: threshold (absent if no point has one), x, y_low, y, y_high, under the names of x and y."""
    import pyarrow as pa

    columns = {x: line.x, f"{y}_low": line.low, y: line.y, f"{y}_high": line.high}
    if np.isnan(line.threshold).all():
        return pa.table(columns)
    return pa.table({"threshold": pa.array(line.threshold, from_pandas=True), **columns})


def threshold_table(bins: Bins) -> pa.Table:
    """A row a threshold (score >= threshold is positive; inf: nothing is), descending: tp, fp, fn, tn, precision,
    recall, fpr, f1, informedness, all exact; then what any threshold from this one up to the row before may have:
    precision, recall, fpr and f1 as `_low` and `_high`. Undefined values are null.
    """
    import pyarrow as pa

    chain = bins.chain
    zero = np.zeros(1, chain.p.dtype)
    # the row before each row, and the row; the first row, above all scores, is its own
    before = (np.concatenate((zero, chain.tp)), np.concatenate((zero, chain.fp)))
    tp, fp = (np.concatenate((zero, counts)) for counts in (chain.tp + chain.p, chain.fp + chain.n))
    inside = np.r_[False, ~chain.atom]
    columns: dict[str, Any] = {
        "threshold": np.r_[math.inf, chain.low],
        "tp": bins.counted(tp),
        "fp": bins.counted(fp),
        "fn": bins.counted(bins.positives - tp),
        "tn": bins.counted(bins.negatives - fp),
    }
    columns |= _rates(bins, tp, fp)
    columns["informedness"] = columns["recall"] - columns["fpr"]
    corners = [_rates(bins, *cut) for cut in ((before[0], fp), (tp, before[1]), before)]
    for name in ("precision", "recall", "fpr", "f1"):
        worst, best, other = (corner[name] for corner in corners)
        own = columns[name]
        ends = [np.where(inside, end, own) for end in (worst, best)]
        columns[f"{name}_low"] = np.fmin.reduce([own, other, *ends])
        columns[f"{name}_high"] = np.fmax.reduce([own, other, *ends])
    return pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})


def _rates(bins: Bins, tp: Any, fp: Any) -> dict[str, Floats]:
    """Precision, recall, fpr and f1 at cuts; nan where undefined."""
    nothing = np.full(len(tp), math.nan)
    return {
        "precision": precision_values(tp, fp),
        "recall": _shares(tp, bins.positives) if bins.positives else nothing,
        "fpr": _shares(fp, bins.negatives) if bins.negatives else nothing,
        "f1": f_values(tp, fp, bins.positives) if bins.positives else nothing,
    }
