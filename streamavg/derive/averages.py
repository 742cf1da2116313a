"""How per-class values become one number: plain, micro, macro, weighted, samples; the one place that knows 0/0."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.amounts import row_sizes
from streamavg.derive.policy import Policy, mean_classes, pooled_classes, uses_weights
from streamavg.errors import InputError
from streamavg.state.counts import FN, FP, TP
from streamavg.state.tables import exact_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from streamavg.derive.catalogue import Metric
    from streamavg.derive.interval import Interval
    from streamavg.derive.policy import Classes
    from streamavg.state.state import State
    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]

TN = 3
_EXACT_PRODUCTS = 2**31  # below this many rows, products of two cells fit int64


@dataclass(frozen=True)
class Mean:
    """An average with what went into it: how many classes, and which of them were undefined."""

    value: float
    classes: int
    among: Classes | None = None
    not_defined: NDArray[np.bool_] | None = None
    interval: Interval | None = None

    @property
    def undefined(self) -> tuple[str, ...]:
        """The labels for which the metric is 0/0."""
        if self.among is None or self.not_defined is None:
            return ()
        return tuple(self.among.labels[k] for k in np.flatnonzero(self.not_defined))


def undefined_value(metric: Metric, policy: Policy) -> float:
    """What 0/0 counts as: the policy's for ratios; 0.0 for correlations, as in scikit-learn."""
    return policy.zero_division if metric.kind == "ratio" else 0.0


def class_values(metric: Metric, matrix: Ints | Floats, rows: int, policy: Policy) -> tuple[Floats, Floats]:
    """The value of each class and the denominators behind them, shape (C,) each; matrix of rows or of weights.

    Linear parts go through float64, which loses at most 1 part in 2**52; products of rows are exact first.
    """
    assert metric.parts is not None
    matrix = _scaled(matrix)
    columns: list[Any] = [matrix[:, k] for k in range(4)]
    if metric.kind == "ratio":
        columns = [column.astype(np.float64) for column in columns]
    elif rows >= _EXACT_PRODUCTS and matrix.dtype == np.int64:
        columns = [column.astype(object) for column in columns]
    numerator, denominator = metric.parts(*columns)
    defined = np.asarray(denominator != 0, bool)
    values = np.full(len(matrix), undefined_value(metric, policy))
    # the last bit of a rounded root must not leave the bounds
    values[defined] = np.clip((numerator[defined] / denominator[defined]).astype(np.float64), *metric.bounds)
    return values, denominator.astype(np.float64)


def _scaled(matrix: Any) -> Any:
    """Rows as they are; weights times the power of two that brings the largest near 1, so that no product overflows."""
    if matrix.dtype != np.float64:
        return matrix
    return np.ldexp(matrix, -int(np.frexp(matrix.max(initial=0.0))[1]))


def pooled_value(metric: Metric, matrix: Ints | Floats, policy: Policy) -> float:
    """The metric of the summed cells, exact before the division however many classes and rows there are."""
    assert metric.parts is not None
    columns: Any = _scaled(matrix).T
    of_rows = columns.dtype != np.float64
    cells = (exact_sum(column) if of_rows else math.fsum(column.tolist()) for column in columns)
    numerator, denominator = metric.parts(*cells)
    if not denominator:
        return undefined_value(metric, policy)
    least, most = metric.bounds
    return min(max(float(numerator / denominator), least), most)


def weighted_mean(values: Floats, weights: Floats | None) -> float:
    """The mean without nan values, order-free by exact summation; unweighted where no weight is positive."""
    keep = ~np.isnan(values)
    values = values[keep]
    if not values.size:
        return math.nan
    if weights is not None and (total := math.fsum(weights[keep].tolist())) > 0:
        return math.fsum((values * weights[keep]).tolist()) / total
    return math.fsum(values.tolist()) / values.size


def _over_classes(metric: Metric, state: State, average: str, policy: Policy) -> Mean:
    classes = mean_classes(state, policy)
    values, denominator = class_values(metric, classes.cells, state.rows, policy)
    support = predicted_and_support(_scaled(classes.cells))[1].astype(np.float64)
    value = weighted_mean(values, support if average == "weighted" else None)
    return Mean(value, int((~np.isnan(values)).sum()), classes, denominator == 0)


def _over_rows(metric: Metric, state: State, policy: Policy) -> float:
    if state.config.task != "multilabel":
        raise InputError(f"{metric.name}_samples needs a multilabel task; with one label a row it is the accuracy")
    if not state.config.samples:
        raise InputError(f"{metric.name}_samples needs the row table, which samples=False left out")
    if policy.labels is not None:
        raise InputError(f"{metric.name}_samples cannot be restricted to labels; the row table holds whole rows")
    weighted = uses_weights(state, policy)
    both, predicted, true = row_sizes(state, weighted).T
    matrix = np.stack((both, predicted - both, true - both, np.zeros_like(both)), axis=1)
    values, _ = class_values(metric, matrix, state.rows, policy)
    if not weighted:
        return weighted_mean(values, state.row_table.counts.astype(np.float64))
    weights = _scaled(state.weighted.row_table.sums.floats())
    return weighted_mean(values, weights) if weights.any() else math.nan


def _positive_class(metric: Metric, state: State, policy: Policy) -> float:
    name, pos_label = metric.name, state.config.pos_label
    if pos_label is None or policy.labels is not None:
        choices = ", ".join(f"{name}_{average}" for average in metric.averages)
        raise InputError(
            f"plain {name} is for binary tasks; choose {choices}, or name the positive class with pos_label"
        )
    values, _ = class_values(metric, _positive(state, pos_label, policy).cells, state.rows, policy)
    return float(values[0])


def _positive(state: State, pos_label: str, policy: Policy) -> Classes:
    return pooled_classes(state, replace(policy, labels=(pos_label,)))


def average_of(metric: Metric, state: State, average: str | None, policy: Policy) -> Mean:
    """One number for a `ratio` or `class` metric, with the classes behind it (none for plain and samples)."""
    if average is None or average == "binary":
        return Mean(_positive_class(metric, state, policy), 1)
    if average not in metric.averages:
        raise InputError(f"{metric.name} has no {average!r} average; it has {', '.join(metric.averages)}")
    if average == "samples":
        return Mean(_over_rows(metric, state, policy), 0)
    if average == "micro":
        classes = pooled_classes(state, policy)
        return Mean(pooled_value(metric, classes.cells, policy), len(classes.labels))
    return _over_classes(metric, state, average, policy)


def predicted_and_support(matrix: Any) -> tuple[Any, Any]:
    """Rows (or the weight of them) predicted as each class, and of each class, shape (C,)."""
    return matrix[:, TP] + matrix[:, FP], matrix[:, TP] + matrix[:, FN]
