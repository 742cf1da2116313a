"""Policy: the choices that act when a metric is read, never when rows are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from streamavg.errors import InputError
from streamavg.state.counts import FN, FP, TP
from streamavg.state.labels import label_text
from streamavg.state.weighted import matrix_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from streamavg.state.state import State
    from streamavg.state.tables import Ints

    Floats = NDArray[np.float64]

Over = Literal["seen", "declared", "supported"]


@dataclass(frozen=True)
class Policy:
    """What 0/0 is (0.0, 1.0, or nan: leaves the mean), over which classes a mean runs, or exactly these labels;
    whether sample weights are added up where there are any, or rows.
    """

    zero_division: float = 0.0
    over: Over = "seen"
    labels: tuple[str, ...] | None = None
    weighted: bool = True

    @staticmethod
    def of(
        zero_division: float = 0.0,
        over: str = "seen",
        labels: Iterable[object] | None = None,
        weighted: bool = True,
    ) -> Policy:
        """The policy, checked; labels are taken by their text."""
        number = isinstance(zero_division, int | float)
        if not number or not (zero_division in (0.0, 1.0) or math.isnan(zero_division)):
            raise InputError(f"zero_division is {zero_division!r}; it must be 0.0, 1.0 or nan")
        if over not in get_args(Over):
            raise InputError(f"over is {over!r}; it must be one of {', '.join(get_args(Over))}")
        known: Over = "seen" if over == "seen" else "declared" if over == "declared" else "supported"
        if isinstance(labels, str):
            raise InputError(f"labels is the text {labels!r}; give a list of labels")
        chosen = None if labels is None else tuple(label_text(label) for label in labels)
        if chosen is not None and len(set(chosen)) < len(chosen):
            raise InputError("labels names a label twice; each may be given once")
        return Policy(float(zero_division), known, chosen, bool(weighted))


@dataclass(frozen=True)
class Classes:
    """Some labels with their four cells, shape (C, 4): TP, FP, FN, TN in rows (int64), and in weights if they count."""

    labels: tuple[str, ...]
    matrix: Ints
    weights: Floats | None = None

    @property
    def cells(self) -> Ints | Floats:
        """What metrics add up: weights if they count, else rows."""
        return self.matrix if self.weights is None else self.weights

    def where(self, keep: NDArray[np.bool_]) -> Classes:
        """The classes for which `keep` is true."""
        if keep.all():
            return self
        labels = tuple(label for label, kept in zip(self.labels, keep.tolist(), strict=True) if kept)
        return Classes(labels, self.matrix[keep], None if self.weights is None else self.weights[keep])


def uses_weights(state: State, policy: Policy) -> bool:
    """Whether metrics of this state add up weights under this policy."""
    return policy.weighted and state.config.sample_weight


def all_classes(state: State, policy: Policy) -> Classes:
    """Every label of the state, in the order in which labels are shown."""
    return Classes(state.order, state.matrix, state.weighted_matrix if uses_weights(state, policy) else None)


def pooled_classes(state: State, policy: Policy) -> Classes:
    """The classes whose cells a micro average sums: all of them, or exactly the labels of the policy."""
    if policy.labels is None:
        return all_classes(state, policy)
    return classes_of(state, policy, policy.labels)


def classes_of(state: State, policy: Policy, labels: tuple[str, ...]) -> Classes:
    """These labels, held by the state or not."""
    weights = matrix_of(state.weighted.four(labels)) if uses_weights(state, policy) else None
    return Classes(labels, state.four_cells(state.counts.at(labels)), weights)


def mean_classes(state: State, policy: Policy) -> Classes:
    """The classes that a macro or weighted average runs over."""
    classes = pooled_classes(state, policy)
    if policy.labels is not None:
        return classes
    if policy.over == "declared":
        if not state.config.labels:
            raise InputError("over='declared' needs declared labels, and none were; use over='seen'")
        declared = state.config.labels
        return classes.where(np.arange(len(classes.labels)) < len(declared))
    support = classes.matrix[:, TP] + classes.matrix[:, FN]
    if policy.over == "supported":
        return classes.where(support > 0)
    return classes.where((support > 0) | (classes.matrix[:, FP] > 0))
