"""Metrics of the whole table: accuracy and its kin, kappa, the multiclass correlation, Hamming and subset scores."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from streamavg.derive.averages import average_of
from streamavg.derive.catalogue import METRICS, declare_table
from streamavg.errors import InputError
from streamavg.state.counts import FN, FP, TP
from streamavg.state.rowtable import unpack
from streamavg.state.tables import exact_sum

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


def _exact_rows(state: State) -> int:
    """Rows whose prediction is exactly the truth."""
    if state.config.task != "multilabel":
        return exact_sum(state.counts.cells[:, TP])
    if not state.config.samples:
        raise InputError("subset accuracy needs the row table, which samples=False left out")
    both, predicted, true = unpack(state.row_table).T
    return exact_sum(state.row_table.counts[(both == predicted) & (both == true)])


@whole("c / n")
def accuracy(state: State, policy: Policy) -> float:
    """The share of rows answered right; for multilabel, of rows whose whole set is right, as in scikit-learn."""
    return _share(_exact_rows(state), state.rows)


@whole("mean(TP / s, over s > 0)")
def balanced_accuracy(state: State, policy: Policy) -> float:
    """Macro recall over the classes that have rows."""
    return average_of(METRICS["recall"], state, "macro", replace(policy, over="supported")).value


def _products(state: State) -> tuple[int, int, int, int, int]:
    """c, sum s p, sum s^2, sum p^2 + u^2 + o^2, n in Python ints: n^2 passes 2**63 at 3.04e9 rows."""
    cells = state.counts.cells
    support, predicted = cells[:, TP] + cells[:, FN], cells[:, TP] + cells[:, FP]
    if state.rows < 2**31:  # support and predicted each sum to at most n, so no sum of products passes n^2
        both = int((support * predicted).sum())
        true, answers = int((support * support).sum()), int((predicted * predicted).sum())
    else:
        s, p = support.tolist(), predicted.tolist()
        both = sum(a * b for a, b in zip(s, p, strict=True))
        true, answers = sum(a * a for a in s), sum(b * b for b in p)
    answers += sum(count * count for count in state.tallies.values())
    return exact_sum(cells[:, TP]), both, true, answers, state.rows


@whole("(c * n - sum(s * p)) / sqrt((n**2 - sum(p**2) - u**2 - o**2) * (n**2 - sum(s**2)))", least=-1.0)
def matthews_corrcoef(state: State, policy: Policy) -> float:
    """Correlation of truth and prediction over all classes (Gorodkin 2004); 0 where it is undefined."""
    correct, both, true, answers, n = _products(state)
    numerator, left, right = correct * n - both, n * n - answers, n * n - true
    # sqrt(left right) in integers, with 64 bits behind the point: a perfect table gives exactly 1
    root = math.isqrt(max(left * right, 0) << 128)
    return (numerator << 64) / root if root else 0.0


@whole("(c * n - sum(s * p)) / (n**2 - sum(s * p))", least=-1.0)
def cohen_kappa(state: State, policy: Policy) -> float:
    """Agreement beyond chance (Cohen 1960); nan where it is undefined."""
    correct, both, _, _, n = _products(state)
    return _share(correct * n - both, n * n - both)


@whole("sum(FP + FN) / (n * L)", better="lower")
def hamming_loss(state: State, policy: Policy) -> float:
    """The share of wrong single decisions: of (row, label) pairs for multilabel, of rows for one label a row."""
    if state.config.task != "multilabel":
        if policy.labels is not None:
            raise InputError("hamming_loss with labels= needs a multilabel task")
        return _share(state.rows - _exact_rows(state), state.rows)
    cells = state.cells if policy.labels is None else state.counts.at(policy.labels)
    return _share(exact_sum(cells[:, FP]) + exact_sum(cells[:, FN]), state.rows * len(cells))


@whole("1 - c / n", better="lower")
def zero_one_loss(state: State, policy: Policy) -> float:
    """The share of rows not answered exactly right: 1 - accuracy."""
    return _share(state.rows - _exact_rows(state), state.rows)


@whole("c / n")
def subset_accuracy(state: State, policy: Policy) -> float:
    """The share of rows whose set of predicted labels is exactly the true set."""
    return _share(_exact_rows(state), state.rows)


@whole("(n - u) / (n + rows without an answer that were skipped)")
def coverage(state: State, policy: Policy) -> float:
    """The share of rows with a usable truth that got an answer."""
    offered = state.rows + state.skipped.get("null_pred", 0) + state.skipped.get("invalid_score", 0)
    return _share(state.rows - state.tallies.get("unanswered", 0), offered)


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
