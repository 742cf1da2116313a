"""Values: one metric by its public name, and all metrics that a state answers.

Whoever takes `find` and `every_metric` from here finds all metrics declared, which the modules imported here do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamavg.derive.averages import Mean, average_of
from streamavg.derive.catalogue import AVERAGES, every_metric, find, public_names
from streamavg.derive.interval import Interval, exact
from streamavg.derive.score_values import score_names, score_value
from streamavg.derive.whole import has_value, whole_value
from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.derive.policy import Policy
    from streamavg.state.state import State


def metric_value(state: State, name: str, policy: Policy, average: str | None = None) -> Mean:
    """The value of a metric by name, with or without its average in the name; InputError if it has none here."""
    refuse_negative(state)
    metric, named = find(name)
    if average is not None and named is not None and average != named:
        raise InputError(f"{name!r} already names the average {named!r}, but average={average!r} was asked for")
    if metric.is_whole and average is not None:
        raise InputError(f"{name} is one number for the whole table and has no averages")
    if metric.kind == "score":
        return score_value(metric, state, policy, named or average)
    if metric.kind == "table":
        return Mean(whole_value(metric.name, state, policy), 0)
    return average_of(metric, state, named or average, policy)


def metric_interval(state: State, name: str, policy: Policy) -> Interval:
    """What the counts guarantee of a metric: between which ends it lies; metrics of counts are exact."""
    found = metric_value(state, name, policy)
    return exact(found.value) if found.interval is None else found.interval


def refuse_negative(state: State) -> None:
    """InputError if a count is negative: such a state adds and subtracts, but no metric means anything."""
    found = state.first_negative
    if found is not None:
        raise InputError(f"the state has negative counts, so no metric can be read: {found}; add what it is owed first")


def metric_names(state: State, policy: Policy) -> list[str]:
    """The public names of all declared metrics that this state can answer under this policy."""
    whole_rows = policy.labels is None
    samples = state.config.task == "multilabel" and state.config.samples and whole_rows
    names = public_names(AVERAGES if samples else AVERAGES[:3], plain=state.config.task == "binary" and whole_rows)
    kinds = {name: find(name)[0].kind for name in names}
    counted = [name for name in names if kinds[name] != "score"]
    counted = [name for name in counted if kinds[name] != "table" or has_value(name, state, policy)]
    return [*counted, *score_names(state, policy)]


def metric_values(state: State, policy: Policy, names: Sequence[str] | None = None) -> dict[str, float]:
    """Name -> value, for the given names or for all that the state answers."""
    refuse_negative(state)
    return {
        name: metric_value(state, name, policy).value
        for name in (metric_names(state, policy) if names is None else names)
    }


__all__ = [
    "every_metric",
    "find",
    "metric_interval",
    "metric_names",
    "metric_value",
    "metric_values",
    "refuse_negative",
]
