"""Explain, for areas: which classes part micro from macro ROC AUC, and what only comparing across classes adds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from streamavg.derive.averages import weighted_mean
from streamavg.derive.catalogue import find
from streamavg.derive.explain import Explanation, explain, split_gap
from streamavg.derive.policy import mean_classes
from streamavg.derive.score_values import class_interval, positives, score_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.derive.averages import Floats
    from streamavg.derive.policy import Policy
    from streamavg.state.state import State
    from streamavg.state.tables import Ints


def explained(state: State, name: str, policy: Policy) -> Explanation:
    """The explanation of a ratio metric, or of roc_auc. Raises InputError for another, and for a binary ranking."""
    metric, average = find(name)
    if metric.stem != "roc_auc" or average not in (None, "micro", "macro"):
        return explain(state, name, policy)
    micro = score_value(metric, state, policy, "micro").value
    labels = mean_classes(state, policy).labels
    values = np.array([class_interval(metric, state, policy, label).estimate for label in labels])
    what = "true labels" if state.config.task == "multilabel" else "rows"
    return explain_areas(labels, np.array(positives(state, policy, labels)), values, micro, of_what=what)


def explain_areas(
    labels: Sequence[str], rows: Ints, values: Floats, micro: float, metric: str = "roc_auc", of_what: str = "rows"
) -> Explanation:
    """Split micro - macro: class c gives (w_c - 1/C) (value_c - sum w value), w_c its share of all positives.

    Contributions and the residual micro - sum w value sum to the gap. The residual is what micro sees by comparing
    scores across classes, which no class's own value holds. Undefined classes (nan) leave the mean and the weights.

    >>> found = explain_areas(["a", "b"], np.array([90, 10]), np.array([0.9, 0.7]), 0.95)
    >>> found.labels, round(found.residual, 3), round(found.gap, 3)
    (('b', 'a'), 0.07, 0.15)
    """
    kept = ~np.isnan(values)
    counts, values = rows[kept].astype(np.float64), values[kept]
    macro = weighted_mean(values, None)
    weight, centre, contribution, order = split_gap(values, counts, micro, macro)
    names = [label for label, keep in zip(labels, kept.tolist(), strict=True) if keep]
    return Explanation(
        metric=metric,
        micro=micro,
        macro=macro,
        residual=micro - centre,
        pooled_only=(),
        labels=tuple(names[k] for k in order),
        weight=weight[order],
        value=values[order],
        contribution=contribution[order],
        share=counts[order] / max(math.fsum(rows.tolist()), 1.0),
        of_what=of_what,
    )
