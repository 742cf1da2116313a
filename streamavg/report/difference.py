"""Difference: two states read under one policy, side by side, which every renderer of differences shows in its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.averages import class_values, predicted_and_support
from streamavg.derive.catalogue import METRICS
from streamavg.derive.policy import Policy, classes_of
from streamavg.derive.tables import plain
from streamavg.derive.values import metric_names, metric_values, refuse_negative
from streamavg.errors import InputError
from streamavg.report.build import HEADLINE
from streamavg.state.labels import LEAST, MOST, all_integers, ascending

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.state.state import State

SINGLE = ("accuracy", "balanced_accuracy", "matthews_corrcoef", "cohen_kappa", *HEADLINE)
SETS = ("subset_accuracy", "hamming_loss")
SCORES = (
    *(f"{name}{average}" for name in ("roc_auc", "average_precision") for average in ("", "_micro", "_macro")),
    "log_loss",
)
AVERAGES = ("micro", "macro", "weighted", "samples")
SHOWN = 12  # classes that a text lists: those that changed most


@dataclass(frozen=True)
class ClassChange:
    """A class in both states: rows of it, and its headline values; 0/0 as the policy says where it has no rows."""

    label: int | str
    support: tuple[int, int]
    values: tuple[tuple[float, ...], tuple[float, ...]]

    @property
    def changes(self) -> tuple[float, ...]:
        """The second value less the first, of each headline metric."""
        return tuple(second - first for first, second in zip(*self.values, strict=True))

    @property
    def size(self) -> float:
        """The largest change of a headline metric; a change from or to undefined counts as 1."""
        return max(1.0 if change != change else abs(change) for change in self.changes)


@dataclass(frozen=True)
class Difference:
    """What two states say about the same questions; each pair is (first, second)."""

    names: tuple[str, str]
    states: tuple[State, State]
    policy: Policy
    metrics: dict[str, tuple[float, float]]
    classes: tuple[ClassChange, ...]

    def counts(self) -> dict[str, tuple[int, int]]:
        """Rows, every cause of a skipped row and every tally that one of them has, and the labels."""
        one, two = self.states
        held = {"rows": (one.rows, two.rows)}
        for a, b in ((one.skipped, two.skipped), (one.tallies, two.tallies)):
            held |= {name: (a.get(name, 0), b.get(name, 0)) for name in sorted(a.keys() | b.keys())}
        return held | {"labels": (len(one.order), len(two.order))}


def difference(
    names: tuple[str, str],
    states: tuple[State, State],
    zero_division: float = 0.0,
    over: str = "seen",
    metrics: Sequence[str] | None = None,
) -> Difference:
    """Two states side by side; `metrics` are the names to show (None: the headline ones that both answer).

    InputError if a state has no rows or owes some, or a metric is not to be had from both.
    """
    policy = Policy.of(zero_division, over)
    for name, state in zip(names, states, strict=True):
        refuse_negative(state)
        if not state.rows:
            raise InputError(f"{name}: no row was scored, so there is nothing to compare")
    one, two = states
    if metrics is None:
        whole = SETS if "multilabel" in (one.config.task, two.config.task) else SINGLE
        headline = [*whole, *(f"{name}_{average}" for name in HEADLINE for average in AVERAGES), *SCORES]
        both = set(metric_names(one, policy)) & set(metric_names(two, policy))
        metrics = [name for name in headline if name in both]
    first, second = (metric_values(state, policy, metrics) for state in states)
    return Difference(
        names, states, policy, {name: (first[name], second[name]) for name in metrics}, _changed(one, two, policy)
    )


def _changed(one: State, two: State, policy: Policy) -> tuple[ClassChange, ...]:
    """The classes whose headline values or sizes differ, the largest change first."""
    labels = ascending({*one.order, *two.order})
    numeric = all_integers(labels) and all(LEAST <= int(label) <= MOST for label in labels)
    classes = [classes_of(state, policy, tuple(labels)) for state in (one, two)]
    support = [predicted_and_support(each.matrix)[1].tolist() for each in classes]
    values = [
        np.stack([class_values(METRICS[name], each.cells, state.rows, policy)[0] for name in HEADLINE], axis=1).tolist()
        for each, state in zip(classes, (one, two), strict=True)
    ]
    found = [
        ClassChange(
            int(label) if numeric else label,
            (support[0][k], support[1][k]),
            (tuple(values[0][k]), tuple(values[1][k])),
        )
        for k, label in enumerate(labels)
    ]
    changed = [each for each in found if repr(each.values[0]) != repr(each.values[1]) or len(set(each.support)) > 1]
    return tuple(sorted(changed, key=lambda each: -each.size))


def difference_as_dict(shown: Difference) -> dict[str, Any]:
    """The difference as plain Python values: the structure of its JSON; nan is None."""
    one, two = shown.states

    def pair(first: float, second: float) -> dict[str, float | None]:
        return {"a": plain(first), "b": plain(second), "difference": plain(second - first)}

    return {
        "a": _about(shown.names[0], one),
        "b": _about(shown.names[1], two),
        "equal": one.fingerprint == two.fingerprint,
        "policy": {"zero_division": plain(shown.policy.zero_division), "over": shown.policy.over},
        "metrics": {name: pair(*values) for name, values in shown.metrics.items()},
        "classes": [
            {"label": each.label, "support": {"a": each.support[0], "b": each.support[1]}}
            | {name: pair(*values) for name, *values in zip(HEADLINE, *each.values, strict=True)}
            for each in shown.classes
        ],
    }


def _about(name: str, state: State) -> dict[str, Any]:
    return {
        "name": name,
        "task": state.config.task,
        "rows": state.rows,
        "seen": state.seen,
        "skipped": dict(state.skipped),
        "tallies": dict(state.tallies),
        "labels": len(state.order),
        "fingerprint": state.fingerprint,
    }
