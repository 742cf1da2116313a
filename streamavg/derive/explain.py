"""Explain: which classes part micro from macro, and by how much; the contributions sum to the gap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from streamavg.derive.averages import class_values, pooled_value, predicted_and_support, weighted_mean
from streamavg.derive.catalogue import find
from streamavg.derive.policy import all_classes, mean_classes, pooled_classes
from streamavg.errors import InputError

if TYPE_CHECKING:
    from streamavg.derive.averages import Floats
    from streamavg.derive.policy import Classes, Policy
    from streamavg.state.state import State
    from streamavg.state.tables import Ints

AGREE = 0.005  # below this gap the two averages tell one story
SHARE = 0.8  # the classes named make this share of the gap


@dataclass(frozen=True)
class Explanation:
    """micro - macro of one ratio metric, class by class, the largest share of the gap first; arrays of shape (C,).

    `share` is each class's part of all truths, which are rows or, for multilabel, true labels (`of_what`).
    """

    metric: str
    micro: float
    macro: float
    residual: float
    pooled_only: tuple[str, ...]
    labels: tuple[str, ...]
    weight: Floats
    value: Floats
    contribution: Floats
    share: Floats
    of_what: str

    @property
    def gap(self) -> float:
        """micro - macro."""
        return self.micro - self.macro

    @property
    def makers(self) -> int:
        """The fewest classes, taken in order, that make 80 % of the gap; all that push its way if they make less."""
        if not self.gap:
            return 0
        pushing = self.contribution * math.copysign(1.0, self.gap)
        made = np.cumsum(np.maximum(pushing, 0.0))
        # 1e-12: the last bits of a sum must not turn "exactly 80 %" into one class more
        enough = np.flatnonzero(made >= SHARE * abs(self.gap) * (1 - 1e-12))
        return int(enough[0]) + 1 if enough.size else int((pushing > 0).sum())


def explain(state: State, name: str, policy: Policy) -> Explanation:
    """Split micro - macro of a ratio metric: class c gives (w_c - 1/C) (m_c - sum w m), w_c its share of denominators.

    The residual is what the pooled classes that are not in the mean add; it is 0 when both are the same.
    """
    metric, average = find(name)
    if metric.kind != "ratio" or average not in (None, "micro", "macro"):
        raise InputError(f"explain needs a ratio metric such as f1 or recall, without an average; {name!r} is not")
    classes, pooled = mean_classes(state, policy), pooled_classes(state, policy)
    values, denominator = class_values(metric, classes.cells, state.rows, policy)
    macro, micro = weighted_mean(values, None), pooled_value(metric, pooled.cells, policy)
    kept = ~np.isnan(values)
    classes, values, denominator = classes.where(kept), values[kept], denominator[kept]
    weight, centre, contribution, order = split_gap(values, denominator, micro, macro)
    _, support = predicted_and_support(classes.cells)
    _, every = predicted_and_support(all_classes(state, policy).cells)
    inside = set(classes.labels)
    return Explanation(
        metric=metric.name,
        micro=micro,
        macro=macro,
        residual=micro - centre,
        pooled_only=tuple(label for label in pooled.labels if label not in inside),
        labels=tuple(classes.labels[k] for k in order),
        weight=weight[order],
        value=values[order],
        contribution=contribution[order],
        share=support[order] / (math.fsum(every.tolist()) or 1.0),
        of_what=_of_what(state, classes),
    )


def split_gap(values: Floats, amounts: Floats, micro: float, macro: float) -> tuple[Floats, float, Floats, Ints]:
    """The weight w of each class, its share of the amounts; sum w m; what the class adds to the gap; and the order of
    the classes, the largest share of the gap first.
    """
    total = math.fsum(amounts.tolist())
    weight = amounts / total if total else np.zeros_like(amounts)
    centre = math.fsum((weight * values).tolist()) if total else macro
    contribution = (weight - 1 / max(len(values), 1)) * (values - centre)
    order = np.argsort(-contribution * math.copysign(1.0, micro - macro), kind="stable")
    return weight, centre, contribution, order


def _of_what(state: State, classes: Classes) -> str:
    if classes.weights is not None:
        return "weight"
    return "true labels" if state.config.task == "multilabel" else "rows"


def sentence(found: Explanation, most_names: int = 10) -> str:
    """The explanation in one sentence, for people who have a number to quote."""
    name = found.metric.upper() if found.metric[:1] == "f" and found.metric[1:2].isdigit() else found.metric
    if math.isnan(found.gap):
        return f"micro or macro {name} is undefined"
    if abs(found.gap) < AGREE:
        return f"micro and macro {name} agree ({found.micro:.3f} and {found.macro:.3f})"
    side = "below" if found.gap > 0 else "above"
    start = f"macro {name} is {abs(found.gap):.2f} {side} micro"
    makers = found.makers
    made = math.fsum(found.contribution[:makers].tolist()) / found.gap if makers else 0.0
    if made < SHARE * (1 - 1e-12):
        if not found.pooled_only:
            return f"{start}; most of that comes from comparing scores across classes"
        outside = ", ".join(map(short, found.pooled_only[:most_names]))
        return f"{start}; most of that comes from classes outside the mean: {outside}"
    share = percent(math.fsum(found.share[:makers].tolist()))
    names = ", ".join(map(short, found.labels[:makers][:most_names])) + (", ..." if makers > most_names else "")
    verb = "makes" if makers == 1 else "make"
    classes = "class" if len(found.labels) == 1 else "classes"
    return (
        f"{start}; {makers} of {len(found.labels)} {classes} with {share} of the {found.of_what} {verb} "
        f"{percent(made)} of that: {names}"
    )


def roles(found: Explanation, most_names: int = 6) -> str:
    """What kind of classes make the gap: "Common and better: he, ar; rare and worse: ms, id."; "" without a gap."""
    if math.isnan(found.gap) or abs(found.gap) < AGREE:
        return ""
    kinds: dict[str, list[str]] = {}
    centre = found.micro - found.residual
    for label, weight, value in list(zip(found.labels, found.weight, found.value, strict=True))[: found.makers]:
        often = "common" if weight * len(found.labels) > 1 else "rare"
        kinds.setdefault(f"{often} and {'above' if value > centre else 'below'} micro", []).append(label)
    parts = (
        f"{kind}: {', '.join(map(short, labels[:most_names]))}{', ...' if len(labels) > most_names else ''}"
        for kind, labels in kinds.items()
    )
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith("...") else ".") if text else ""


def short(label: str, most: int = 40) -> str:
    """A label for a sentence: quoted if it is blank or has outer blanks, cut if it is long."""
    text = label if label and label == label.strip() else f'"{label}"'
    return text if len(text) <= most else text[: most - 3] + "..."


def percent(share: float) -> str:
    """A share as people write it: "3 %", with one or two digits where it is small, never "0 %" for something."""
    if 0 < share < 0.0001:
        return "under 0.01 %"
    digits = 0 if share >= 0.01 or not share else 1 if share >= 0.001 else 2
    return f"{100 * share:.{digits}f} %"
