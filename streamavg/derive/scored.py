"""Scored: the metrics of scores, declared once: of each class, pooled, averaged, and of the whole table."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from streamavg.derive import auc, calibration, interval, precision_recall, top_k
from streamavg.derive.catalogue import declare_score
from streamavg.derive.interval import UNDEFINED, Interval
from streamavg.derive.policy import uses_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.derive.bins import Bins
    from streamavg.derive.policy import Policy
    from streamavg.state.score_sums import ScoreSums
    from streamavg.state.scores import Scores
    from streamavg.state.state import State

    OfClass = Callable[[Bins, float], Interval]
    OfTable = Callable[[State, Policy, float], Interval]

OF_CLASS: dict[str, OfClass] = {}
OF_TABLE: dict[str, OfTable] = {}
_AVERAGES = ("micro", "macro", "weighted")
_CLIPPED = 52 * math.log(2)  # what scikit-learn counts where the probability of the truth is below 2**-52


def of_class(
    formula: str, better: str = "higher", least: float = 0.0, *, ovo: bool = False, parameter: str = ""
) -> Callable[[OfClass], OfClass]:
    """Declare a metric of one ranking under the function's name; its averages are of classes, or of all pooled."""

    def declare(function: OfClass) -> OfClass:
        averages = (*_AVERAGES, "ovo") if ovo else _AVERAGES
        title = (function.__doc__ or "").partition("\n")[0]
        name = f"{function.__name__}_{parameter}" if parameter else function.__name__
        declare_score(function.__name__, title, formula, better, (least, 1.0), averages, name=name)
        OF_CLASS[function.__name__] = function
        return function

    return declare


def of_table(
    formula: str, better: str = "higher", bounds: tuple[float, float] = (0.0, 1.0), name: str = ""
) -> Callable[[OfTable], OfTable]:
    """Declare a metric of all rows with scores."""

    def declare(function: OfTable) -> OfTable:
        title = (function.__doc__ or "").partition("\n")[0]
        declare_score(function.__name__, title, formula, better, bounds, (), name=name or function.__name__)
        OF_TABLE[function.__name__] = function
        return function

    return declare


@of_class("P(s+ > s-) + P(s+ = s-) / 2", ovo=True)
def roc_auc(bins: Bins, _: float) -> Interval:
    """The chance that a row of the class scores above another row, ties counting half."""
    return auc.roc_auc(bins)


@of_class("mean(TP / (TP + FP) at its score, over rows of the class)")
def average_precision(bins: Bins, _: float) -> Interval:
    """The mean precision at the scores of the rows of the class; ties share one precision."""
    return precision_recall.average_precision(bins)


@of_class("max |TPR - FPR|")
def ks(bins: Bins, _: float) -> Interval:
    """The greatest distance between the score distributions of the class and of the rest (Kolmogorov-Smirnov)."""
    return auc.kolmogorov_smirnov(bins)


@of_class("max(TPR - FPR)")
def youden(bins: Bins, _: float) -> Interval:
    """The greatest TPR - FPR of any threshold (Youden's J)."""
    return auc.youden(bins)


@of_class("max(TPR where FPR <= x)", parameter="x")
def tpr_at_fpr(bins: Bins, fpr: float) -> Interval:
    """The greatest true positive rate of a threshold whose false positive rate is at most x."""
    return auc.tpr_at_fpr(bins, fpr)


@of_class("McClish(area where FPR <= x)", parameter="x")
def partial_roc_auc(bins: Bins, fpr: float) -> Interval:
    """The area under the ROC curve up to a false positive rate of x, standardised so that chance is 0.5."""
    return auc.partial_auc(bins, fpr)


@of_class("sum(n_g / n * |mean score - share of positives|), 15 groups of equal mass", "lower")
def ece_mass(bins: Bins, _: float) -> Interval:
    """Calibration error over groups of as equally many rows as slots allow."""
    return calibration.ece(calibration.equal_mass(bins))


@of_class("signed root of sum(n_g / n * (d^2 - y (1 - y) / (n_g - 1))), 15 groups of equal mass", "lower", -1.0)
def ece_mass_debiased(bins: Bins, _: float) -> Interval:
    """The same without the bias that chance gives it; below 0 where the scores are better than chance would have it."""
    return calibration.ece(calibration.equal_mass(bins), debiased=True)


def scores_of(state: State, policy: Policy) -> Scores:
    """The histograms to read: in units of weight where there are weights, unless weighted=False."""
    return state.weighted_scores if uses_weights(state, policy) else state.scores


def sums_of(state: State, policy: Policy) -> ScoreSums:
    """The sums to read, weighted in the same way."""
    return state.weighted_score_sums if uses_weights(state, policy) else state.score_sums


def _mean_loss(name: str, state: State, policy: Policy) -> Interval:
    sums = sums_of(state, policy)
    whole, rows = sums.loss(name), sums.loss("rows")
    return interval.exact(float(whole / rows)) if rows else UNDEFINED


@of_table("-sum(log p of the truth) / n", "lower", (0.0, math.inf))
def log_loss(state: State, policy: Policy, _: float) -> Interval:
    """Minus the mean logarithm of the probability of what came true; below 2**-52 it counts as that."""
    sums = sums_of(state, policy)
    rows = sums.loss("rows")
    if not rows:
        return UNDEFINED
    return interval.exact(float(sums.loss("log_loss") / rows) + float(sums.loss("log_loss_zeros") / rows) * _CLIPPED)


@of_table("sum((p - y)^2) / n, of multiclass over all classes", "lower", (0.0, 2.0))
def brier(state: State, policy: Policy, _: float) -> Interval:
    """The mean squared distance between probability and truth (Brier 1950)."""
    return _mean_loss("brier", state, policy)


@of_table("sum(n_b / n * |mean score - share of positives|), 15 bands of equal width", "lower")
def ece(state: State, policy: Policy, _: float) -> Interval:
    """Calibration error of the positive's score, of the highest score (multiclass), or of all scores (multilabel)."""
    return _ece(state, policy, debiased=False)


@of_table("signed root of sum(n_b / n * (d^2 - y (1 - y) / (n_b - 1))), 15 bands of equal width", "lower", (-1.0, 1.0))
def ece_debiased(state: State, policy: Policy, _: float) -> Interval:
    """The same without the bias that chance gives it."""
    return _ece(state, policy, debiased=True)


def _ece(state: State, policy: Policy, *, debiased: bool) -> Interval:
    bands = sums_of(state, policy).bands_table()
    return calibration.ece(calibration.equal_width(bands), debiased=debiased) if bands[:, 0].any() else UNDEFINED


@of_table("P(true class among the k highest scores), ties broken at random", name="top_k_accuracy")
def top_accuracy(state: State, policy: Policy, k: float) -> Interval:
    """The share of rows whose true class is among the k highest scores: the mean over all ways to break ties."""
    greater, equal, counts, rows = sums_of(state, policy).ranks_table(_ranked_rows(state, policy))
    return top_k.top_k_accuracy(greater, equal, counts, int(k), rows) if rows else UNDEFINED


def _ranked_rows(state: State, policy: Policy) -> Fraction:
    """The rows that top-k accuracy is a share of: those with scores; where these predict, all that accuracy is of."""
    if state.config.decision != "argmax":
        return sums_of(state, policy).loss("rows")
    return state.weighted.weight("rows") if uses_weights(state, policy) else Fraction(state.rows)


@of_table("mean over true labels of true labels / labels, scored at least as high")
def label_ranking_average_precision(state: State, policy: Policy, _: float) -> Interval:
    """How many of the labels scored at least as high as a true one are true; 1 for rows with no or all labels."""
    return _mean_loss("label_ranking_average_precision", state, policy)


@of_table("mean number of labels scored at least as high as the lowest true one", "lower", (0.0, math.inf))
def coverage_error(state: State, policy: Policy, _: float) -> Interval:
    """How far down the ranking one has to go to find all true labels; 0 for rows without."""
    return _mean_loss("coverage_error", state, policy)


@of_table("mean share of (true, false) label pairs in the wrong order", "lower")
def label_ranking_loss(state: State, policy: Policy, _: float) -> Interval:
    """The share of (true, false) label pairs of a row in the wrong order; ties count as wrong."""
    return _mean_loss("label_ranking_loss", state, policy)


PROBABILITY = ("log_loss", "brier", "ece", "ece_debiased", "ece_mass", "ece_mass_debiased")
_LOSSES = ("log_loss", "brier", "ece", "ece_debiased")
_RANKINGS = ("label_ranking_average_precision", "coverage_error", "label_ranking_loss")


def refusal(name: str, state: State) -> str:
    """Why this state cannot answer a metric of scores; "" if it can."""
    config = state.config
    if not config.scores:
        return "it needs scores: count with y_score (--y-score)"
    if name in PROBABILITY and "signed" in config.scores:
        return "it needs probabilities in [0, 1]; these scores were counted as any numbers"
    if name in (*_LOSSES, *_RANKINGS) and not config.losses:
        return "its sums were left out by losses=False"
    if name in _RANKINGS and config.task != "multilabel":
        return "it needs a multilabel task"
    if name == "top_accuracy" and config.task != "multiclass":
        return "it needs a multiclass task"
    return ""
