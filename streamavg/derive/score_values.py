"""Score values: a metric of scores for each class, pooled, averaged, or of the whole table, with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from streamavg.derive import interval
from streamavg.derive.averages import Mean
from streamavg.derive.bins import Bins
from streamavg.derive.catalogue import METRICS
from streamavg.derive.one_vs_one import one_vs_one
from streamavg.derive.policy import Classes, mean_classes, uses_weights
from streamavg.derive.scored import OF_CLASS, OF_TABLE, refusal, scores_of
from streamavg.errors import InputError
from streamavg.state.tables import exact_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.derive.catalogue import Metric
    from streamavg.derive.interval import Interval
    from streamavg.derive.policy import Policy
    from streamavg.state.state import State

# a state never changes, and a report asks for micro, macro and weighted of the same classes
_known: WeakKeyDictionary[State, dict[tuple[object, ...], Interval]] = WeakKeyDictionary()


def score_value(metric: Metric, state: State, policy: Policy, average: str | None) -> Mean:
    """The value of a metric of scores; InputError where the state or its task has none."""
    reason = refusal(metric.stem, state)
    if reason:
        raise InputError(f"{metric.name} cannot be read here: {reason}")
    if metric.stem in OF_TABLE:
        if policy.labels is not None:
            raise InputError(f"{metric.name} is about whole rows and cannot be restricted to labels")
        return _mean(OF_TABLE[metric.stem](state, policy, metric.argument))
    binary = state.config.task == "binary"
    if binary != (average is None):
        if binary:
            raise InputError(f"a binary task has one ranking, so {metric.name} has no averages; ask for {metric.name}")
        choices = ", ".join(f"{metric.name}_{each}" for each in metric.averages)
        raise InputError(f"plain {metric.name} is for binary tasks; choose {choices}")
    if average is None:
        return _mean(class_interval(metric, state, policy, str(state.config.pos_label)))
    if average == "micro":
        labels = pooled_labels(state, policy)
        return _mean(cached(metric, state, policy, labels), len(labels))
    if average == "ovo":
        return _one_vs_one(state, policy)
    classes = _classes(state, policy)
    values = [class_interval(metric, state, policy, label) for label in classes.labels]
    weights = positives(state, policy, classes.labels) if average == "weighted" else None
    missing = np.array([not value.defined for value in values], bool)
    return _mean(interval.mean(values, weights), len(values) - int(missing.sum()), classes, missing)


def _mean(
    found: Interval, classes: int = 1, among: Classes | None = None, not_defined: np.ndarray | None = None
) -> Mean:
    return Mean(found.estimate, classes, among, not_defined, found)


def _classes(state: State, policy: Policy) -> Classes:
    """The classes of the mean that have scores; the others have no ranking."""
    held = set(scores_of(state, policy).labels)
    classes = mean_classes(state, policy)
    return classes.where(np.array([label in held for label in classes.labels], bool))


def pooled_labels(state: State, policy: Policy) -> tuple[str, ...]:
    """The classes whose scores a micro average pools: all that have scores, or those of the policy among them."""
    held = scores_of(state, policy).labels
    return held if policy.labels is None else tuple(label for label in policy.labels if label in held)


def bins_of(state: State, policy: Policy, labels: Sequence[str]) -> Bins:
    """The ranking of one class, or of several pooled."""
    scores = scores_of(state, policy)
    unit = state.config.weight_quantum if uses_weights(state, policy) else None
    several = [Bins.of(*scores.bins(label), unit or 1.0) for label in labels if label in scores.labels]
    return several[0] if len(several) == 1 else Bins.pooled(several)


def positives(state: State, policy: Policy, labels: Sequence[str]) -> list[int]:
    """Rows of each class among those with scores."""
    scores = scores_of(state, policy)
    held = dict(zip(scores.labels, scores.positive, strict=True))
    return [exact_sum(held[label]) if label in held else 0 for label in labels]


def cached(metric: Metric, state: State, policy: Policy, labels: tuple[str, ...]) -> Interval:
    """The metric of these classes pooled, worked out once for a state."""
    held = _known.setdefault(state, {})
    key = (metric.stem, metric.argument, uses_weights(state, policy), labels)
    if key not in held:
        areas = state.areas
        known = None if areas is None else areas.of(metric.stem, labels, uses_weights(state, policy))
        if known is None:
            held[key] = OF_CLASS[metric.stem](bins_of(state, policy, labels), metric.argument)
        else:
            held[key] = interval.exact(known)
    return held[key]


def class_interval(metric: Metric, state: State, policy: Policy, label: str) -> Interval:
    """The metric of one class; undefined if the class has no scores, or only rows of one kind."""
    if label not in scores_of(state, policy).labels:
        return interval.UNDEFINED
    return cached(metric, state, policy, (label,))


def _one_vs_one(state: State, policy: Policy) -> Mean:
    scores = scores_of(state, policy)
    if not state.config.ovo:
        raise InputError("roc_auc_ovo needs the histograms of class pairs: count with ovo=True (--ovo)")
    if policy.labels is not None:
        raise InputError("roc_auc_ovo compares all classes and cannot be restricted to labels")
    if scores.versus is None:
        scores = state.scores  # of classes against each other only rows are counted
    if scores.versus is None:
        return _mean(interval.UNDEFINED, 0)
    return _mean(one_vs_one(scores.versus, scores.atoms), len(scores.labels))


def score_names(state: State, policy: Policy) -> list[str]:
    """The names of the metrics of scores that this state answers, those with a number in them aside but top 5."""
    if not state.config.scores:
        return []
    binary, names = state.config.task == "binary", []
    for metric in METRICS.values():
        if metric.kind != "score" or metric.needs_number or refusal(metric.stem, state):
            continue
        if metric.is_whole:
            names += [metric.name] if policy.labels is None else []
        elif binary:
            names.append(metric.name)
        else:
            ovo = state.config.ovo and policy.labels is None
            names += [f"{metric.name}_{each}" for each in metric.averages if each != "ovo" or ovo]
    if state.config.task == "multiclass" and policy.labels is None:
        names.append("top_5_accuracy")
    return names
