"""Build: the neutral report of a state, which every renderer shows in its own way."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.averages import average_of, class_values, predicted_and_support
from streamavg.derive.catalogue import METRICS, find
from streamavg.derive.explain import Explanation, roles, sentence
from streamavg.derive.explain_auc import explained
from streamavg.derive.policy import Classes, Policy, mean_classes, pooled_classes, uses_weights
from streamavg.derive.score_values import cached
from streamavg.derive.slice_values import slice_values
from streamavg.derive.tables import class_table, confusion_table, plain, shown_labels
from streamavg.derive.values import metric_interval, metric_values
from streamavg.report.escape import label_shown
from streamavg.report.score_rows import ScoreRows, score_causes, score_rows, scored_rows
from streamavg.report.slice_rows import slices_as_dict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from streamavg.derive.interval import Interval
    from streamavg.derive.slice_values import SliceValues
    from streamavg.state.state import State

HEADLINE = ("precision", "recall", "f1")
ALL_SHOWN = 30  # up to so many classes are all shown in text; of more, the largest and those that explain the gap
LARGEST, MAKERS = 12, 20


@dataclass(frozen=True)
class Report:
    """A state read under one policy: metrics by name, what explains the gap, and the classes."""

    state: State
    policy: Policy
    metrics: dict[str, float]
    chosen: bool
    explanation: Explanation | None
    confusion: pa.Table | None = None

    @cached_property
    def classes(self) -> pa.Table:
        """The per-class table."""
        return class_table(self.state, self.policy)

    @property
    def averages(self) -> tuple[str, ...]:
        """The averages shown side by side."""
        samples = self.state.config.task == "multilabel" and self.state.config.samples and self.policy.labels is None
        return ("micro", "macro", "weighted", "samples") if samples else ("micro", "macro", "weighted")

    @property
    def sentence(self) -> str:
        """What parts micro from macro, in one sentence; empty if nothing was asked to be explained."""
        return "" if self.explanation is None else sentence(self.explanation)

    @property
    def roles(self) -> str:
        """What kind of classes make the gap, in one sentence; empty where micro and macro agree."""
        return "" if self.explanation is None else roles(self.explanation)

    @cached_property
    def scores(self) -> ScoreRows | None:
        """The metrics of scores, with their intervals."""
        return score_rows(self.state, self.policy)

    def interval(self, name: str) -> Interval | None:
        """Between which ends a metric of scores lies; None for a metric of counts, which is exact."""
        if find(name)[0].kind != "score":
            return None
        return metric_interval(self.state, name, self.policy)

    @cached_property
    def slices(self) -> SliceValues | None:
        """The worst slices and the newest windows, where rows are told apart."""
        return slice_values(self.state, self.policy, list(self.metrics) if self.chosen else None)

    @cached_property
    def ranking(self) -> Explanation | None:
        """What parts micro from macro ROC AUC; None without such, or if it is explained already."""
        shown = self.explanation is not None and self.explanation.metric == "roc_auc"
        if shown or self.chosen or not self.state.config.scores or self.state.config.task == "binary":
            return None
        return explained(self.state, "roc_auc", self.policy)

    @property
    def total_weight(self) -> float | None:
        """The weight of all scored rows, where metrics are of weights."""
        if not uses_weights(self.state, self.policy):
            return None
        return float(self.state.weighted.total("rows").floats()[0])

    @cached_property
    def mean_size(self) -> int:
        """The number of classes that macro and weighted means run over."""
        return len(mean_classes(self.state, self.policy).labels)

    @cached_property
    def undefined(self) -> dict[str, tuple[str, ...]]:
        """Headline metric -> the classes of the mean for which it is 0/0."""
        found = {name: average_of(METRICS[name], self.state, "macro", self.policy).undefined for name in HEADLINE}
        return {name: labels for name, labels in found.items() if labels}


def report(
    state: State,
    zero_division: float = 0.0,
    over: str = "seen",
    labels: Iterable[object] | None = None,
    metrics: Sequence[str] | None = None,
    explain_metric: str = "f1",
    confusion: bool = False,
    weighted: bool = True,
) -> Report:
    """The report of a state; `metrics` are the names to show (None: all), InputError if one is not to be had."""
    policy = Policy.of(zero_division, over, labels, weighted)
    values = metric_values(state, policy, metrics)
    found = explained(state, explain_metric, policy) if state.rows else None
    pairs = confusion_table(state, "true") if confusion else None
    return Report(state, policy, values, metrics is not None, found, pairs)


def policy_words(shown: Report) -> str:
    """The reading policy in words, with what it left undefined: no value without it."""
    policy = shown.policy
    division = "leaves the mean" if math.isnan(policy.zero_division) else f"counts as {policy.zero_division:g}"
    which = "given" if policy.labels is not None else policy.over
    words = f"means over {shown.mean_size:,} {which} {'class' if shown.mean_size == 1 else 'classes'}; 0/0 {division}"
    if shown.total_weight is not None:
        words += "; metrics add up sample weights, counts and support are of rows"
    elif shown.state.config.sample_weight:
        words += "; sample weights are left aside"
    for name, labels in shown.undefined.items():
        words += f"; {name} undefined for {len(labels):,} ({_some(labels)})"
    return words


def _some(labels: Sequence[str], most: int = 5) -> str:
    return ", ".join(map(label_shown, labels[:most])) + (", ..." if len(labels) > most else "")


@dataclass(frozen=True)
class ClassRow:
    """One line of the class table in text: a label or the rest, its sizes, headline values and part of the gap."""

    label: int | str | None
    count: int
    support: int
    predicted: int
    values: tuple[float, ...]
    contribution: float
    roc_auc: float = math.nan


def class_rows(shown: Report) -> tuple[list[ClassRow], ClassRow | None]:
    """The classes to show, largest first, and one row that pools those left out (its values are micro over them)."""
    classes = pooled_classes(shown.state, shown.policy)
    predicted, support = predicted_and_support(classes.matrix)
    found = shown.explanation
    parts = dict(zip(found.labels, found.contribution.tolist(), strict=True)) if found else {}
    order = np.argsort(-support, kind="stable")
    if len(order) > ALL_SHOWN:
        makers = set(found.labels[: min(found.makers, MAKERS)]) if found else set()
        named = np.array([label in makers for label in classes.labels])
        kept = np.zeros(len(order), bool)
        kept[order[:LARGEST]] = True
        order = order[(kept | named)[order]]
    values = [class_values(METRICS[name], classes.cells, shown.state.rows, shown.policy)[0] for name in HEADLINE]
    names = shown_labels(shown.state, classes.labels)
    rows = [
        ClassRow(
            names[k],
            1,
            int(support[k]),
            int(predicted[k]),
            tuple(float(column[k]) for column in values),
            parts.get(classes.labels[k], math.nan),
            _area(shown, (classes.labels[k],)),
        )
        for k in order.tolist()
    ]
    rest = np.ones(len(classes.labels), bool)
    rest[order] = False
    return rows, _pooled_row(shown, classes.where(rest), parts) if rest.any() else None


def _pooled_row(shown: Report, classes: Classes, parts: dict[str, float]) -> ClassRow:
    predicted, support = predicted_and_support(classes.matrix)
    policy = replace(shown.policy, labels=classes.labels)
    values = tuple(average_of(METRICS[name], shown.state, "micro", policy).value for name in HEADLINE)
    part = math.fsum(parts.get(label, 0.0) for label in classes.labels)
    area = _area(shown, classes.labels)
    return ClassRow(None, len(classes.labels), int(support.sum()), int(predicted.sum()), values, part, area)


def _area(shown: Report, labels: tuple[str, ...]) -> float:
    """The ROC AUC of these classes pooled; nan without scores."""
    if not shown.state.config.scores:
        return math.nan
    return cached(METRICS["roc_auc"], shown.state, shown.policy, labels).estimate


def as_dict(shown: Report) -> dict[str, Any]:
    """The report as plain Python values: the structure of the JSON report; nan is None."""
    state, policy, found = shown.state, shown.policy, shown.explanation
    columns = shown.classes.to_pydict()
    names = list(columns)
    about: dict[str, Any] = {
        "task": state.config.task,
        "rows": state.rows,
        "seen": state.seen,
        "skipped": dict(state.skipped),
        "tallies": dict(state.tallies),
        "policy": {
            "zero_division": plain(policy.zero_division),
            "over": policy.over,
            "labels": None if policy.labels is None else shown_labels(state, policy.labels),
            "null_pred": state.config.null_pred,
            "unknown": state.config.unknown,
            "pos_label": state.config.pos_label,
            "classes_in_mean": shown.mean_size,
            "weighted": shown.total_weight is not None,
            "undefined": {name: shown_labels(state, labels) for name, labels in shown.undefined.items()},
        },
        "metrics": {name: plain(value) for name, value in shown.metrics.items()},
        "classes": [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        "fingerprint": state.fingerprint,
    }
    if shown.total_weight is not None:
        about["weight"] = shown.total_weight
    if state.config.scores:
        about["scores"] = _scores_as_dict(shown)
    if shown.slices is not None:
        about["slices"] = slices_as_dict(shown.slices)
    if found is not None:
        about["explain"] = _explained_as_dict(shown, found)
    if shown.confusion is not None:
        about["confusion"] = shown.confusion.to_pylist()
    return about


def _scores_as_dict(shown: Report) -> dict[str, Any]:
    return {
        "layout": shown.state.config.scores,
        "rows": scored_rows(shown.state),
        "invalid": score_causes(shown.state),
        "intervals": _intervals(shown),
    }


def _explained_as_dict(shown: Report, found: Explanation) -> dict[str, Any]:
    return {
        "metric": found.metric,
        "micro": plain(found.micro),
        "macro": plain(found.macro),
        "residual": plain(found.residual),
        "sentence": shown.sentence,
        "labels": shown_labels(shown.state, found.labels[: found.makers]),
        "contributions": found.contribution[: found.makers].tolist(),
    }


def _intervals(shown: Report) -> dict[str, list[float | None]]:
    """Metric -> low and high, of the metrics shown that are not exact."""
    found = {name: one for name in shown.metrics if (one := shown.interval(name)) is not None}
    return {name: [plain(one.low), plain(one.high)] for name, one in found.items() if one.low != one.high}


def errors_shown(shown: Report, most: int = 15) -> list[tuple[str, str, int, float]]:
    """The commonest wrong answers of a confusion table: truth, answer, rows, share of the truth's rows."""
    rows = shown.confusion.to_pylist() if shown.confusion is not None else []
    wrong = [row for row in rows if row["y_true"] != row["y_pred"]][:most]
    return [
        (
            label_shown(row["y_true"]),
            "(no answer)" if row["y_pred"] is None else label_shown(row["y_pred"]),
            row["count"],
            row["share"],
        )
        for row in wrong
    ]


__all__ = ["ALL_SHOWN", "HEADLINE", "ClassRow", "Report", "as_dict", "class_rows", "policy_words", "report"]
