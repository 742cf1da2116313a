"""Metrics of the whole table: accuracy and its kin, kappa, the multiclass correlation, Hamming and subset scores."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamavg.derive.amounts import Amounts
from streamavg.derive.averages import average_of
from streamavg.derive.catalogue import METRICS, declare_table
from streamavg.errors import InputError
from streamavg.state.counts import FN, FP, TP

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.derive.policy import Policy
    from streamavg.state.state import State

    Whole = Callable[[State, Policy], float]

WHOLE: dict[str, Whole] = {}
NOT_BY_LABEL = ("accuracy", "zero_one_loss", "subset_accuracy", "cohen_kappa", "matthews_corrcoef", "coverage")
_ONE_LABEL = ("cohen_kappa", "matthews_corrcoef")


def whole(formula: str, better: str = "higher", least: float = 0.0) -> Callable[[Whole], Whole]:
    """Declare a metric of the whole table under the function's name; n rows, c = sum TP, s support, p predicted,
    u unanswered, o other, L labels.
    """

    def declare(function: Whole) -> Whole:
        name = function.__name__
        declare_table(name, (function.__doc__ or "").partition("\n")[0], formula, better, least)
        WHOLE[name] = function
        return function

    return declare


def _share(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else math.nan


def _exact_rows(found: Amounts) -> int:
    """Rows whose prediction is exactly the truth."""
    if found.state.config.task != "multilabel":
        return found.total(TP)
    if not found.state.config.samples:
        raise InputError("subset accuracy needs the row table, which samples=False left out")
    return found.exact_sets()


@whole("c / n")
def accuracy(state: State, policy: Policy) -> float:
    """The share of rows answered right; for multilabel, of rows whose whole set is right, as in scikit-learn."""
    found = Amounts.of(state, policy)
    return _share(_exact_rows(found), found.rows)


@whole("mean(TP / s, over s > 0)")
def balanced_accuracy(state: State, policy: Policy) -> float:
    """Macro recall over the classes that have rows."""
    # a class whose rows all weigh 0 has no recall and leaves the mean, as in scikit-learn; one with weight always has
    division = math.nan if policy.labels is None else policy.zero_division
    policy = replace(policy, over="supported", zero_division=division)
    return average_of(METRICS["recall"], state, "macro", policy).value


@whole("(c * n - sum(s * p)) / sqrt((n**2 - sum(p**2) - u**2 - o**2) * (n**2 - sum(s**2)))", least=-1.0)
def matthews_corrcoef(state: State, policy: Policy) -> float:
    """Correlation of truth and prediction over all classes (Gorodkin 2004); 0 where it is undefined."""
    correct, both, true, answers, n = Amounts.of(state, policy).products()
    numerator, left, right = correct * n - both, n * n - answers, n * n - true
    # sqrt(left right) in integers, with 64 bits behind the point: a perfect table gives exactly 1
    root = math.isqrt(max(left * right, 0) << 128)
    return (numerator << 64) / root if root else 0.0


@whole("(c * n - sum(s * p)) / (n**2 - sum(s * p))", least=-1.0)
def cohen_kappa(state: State, policy: Policy) -> float:
    """Agreement beyond chance (Cohen 1960); nan where it is undefined."""
    correct, both, _, _, n = Amounts.of(state, policy).products()
    return _share(correct * n - both, n * n - both)


@whole("sum(FP + FN) / (n * L)", better="lower")
def hamming_loss(state: State, policy: Policy) -> float:
    """The share of wrong single decisions: of (row, label) pairs for multilabel, of rows for one label a row."""
    found = Amounts.of(state, policy)
    if state.config.task != "multilabel":
        if policy.labels is not None:
            raise InputError("hamming_loss with labels= needs a multilabel task")
        return _share(found.rows - _exact_rows(found), found.rows)
    labels = state.order if policy.labels is None else policy.labels
    return _share(found.total(FP, labels) + found.total(FN, labels), found.rows * len(labels))


@whole("1 - c / n", better="lower")
def zero_one_loss(state: State, policy: Policy) -> float:
    """The share of rows not answered exactly right: 1 - accuracy."""
    found = Amounts.of(state, policy)
    return _share(found.rows - _exact_rows(found), found.rows)


@whole("c / n")
def subset_accuracy(state: State, policy: Policy) -> float:
    """The share of rows whose set of predicted labels is exactly the true set."""
    found = Amounts.of(state, policy)
    return _share(_exact_rows(found), found.rows)


@whole("(n - u) / (n + rows without an answer that were skipped)")
def coverage(state: State, policy: Policy) -> float:
    """The share of rows with a usable truth that got an answer."""
    found = Amounts.of(state, policy)
    offered = found.rows + found.named("null_pred") + found.named("invalid_score")
    return _share(found.rows - found.named("unanswered"), offered)


@whole("2 * precision_macro * recall_macro / (precision_macro + recall_macro)")
def f1_of_macro(state: State, policy: Policy) -> float:
    """F1 of macro precision and macro recall (Sokolova & Lapalme 2009); f1_macro is the mean of F1 instead."""
    precision, recall = (average_of(METRICS[name], state, "macro", policy).value for name in ("precision", "recall"))
    total = precision + recall
    return 2 * precision * recall / total if total else 0.0


def whole_value(name: str, state: State, policy: Policy) -> float:
    """A metric of the whole table; InputError where the task or labels= rule it out."""
    if policy.labels is not None and name in NOT_BY_LABEL:
        raise InputError(f"{name} is about whole rows and cannot be restricted to labels")
    if name in _ONE_LABEL and state.config.task == "multilabel":
        raise InputError(f"{name} needs one label a row; for multilabel use mcc_macro or mcc_micro")
    return float(np.float64(WHOLE[name](state, policy)))


def has_value(name: str, state: State, policy: Policy) -> bool:
    """Whether `whole_value` answers for this state's task and these labels."""
    multilabel = state.config.task == "multilabel"
    if policy.labels is not None and (name in NOT_BY_LABEL or (name == "hamming_loss" and not multilabel)):
        return False
    exact = name in ("accuracy", "zero_one_loss", "subset_accuracy")
    return not multilabel or (name not in _ONE_LABEL and (state.config.samples or not exact))
