"""The catalogue: every count metric, declared once; API, command line, reports and README are read from here."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from streamavg.derive.formula import Name, sqrt
from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["ratio", "class", "table", "score"]
AVERAGES = ("micro", "macro", "weighted", "samples")


@dataclass(frozen=True)
class Metric:
    """A declared metric. `ratio` and `class` kinds map TP, FP, FN, TN to numerator and denominator; numerator and
    denominator of a `ratio` are linear in the four, so that micro is a weighted mean and the gap can be explained.
    A `score` kind is read from scores; it may take a number, its `argument`, in its name in place of x or k.
    """

    name: str
    kind: Kind
    title: str
    formula: str
    better: Literal["higher", "lower", "neither"]
    bounds: tuple[float, float]
    parts: Callable[..., tuple[Any, Any]] | None = None
    of_scores: tuple[str, ...] = ()
    stem: str = ""
    argument: float = 0.0

    @property
    def averages(self) -> tuple[str, ...]:
        """The averages that the metric has; samples needs a formula without TN, which a row's label set lacks."""
        if self.kind in ("table", "score"):
            return self.of_scores
        return AVERAGES if self.kind == "ratio" and "TN" not in self.formula else AVERAGES[:3]

    @property
    def is_whole(self) -> bool:
        """Whether it is one number for all rows."""
        return self.kind == "table" or (self.kind == "score" and not self.of_scores)

    @property
    def needs_number(self) -> bool:
        """Whether its name is a pattern in which a number is still missing."""
        return self.name.endswith("_x") or self.name == "top_k_accuracy"


METRICS: dict[str, Metric] = {}


def _made(function: Callable[..., tuple[Any, Any]], name: str, kind: Kind, better: str, least: float) -> Metric:
    """The metric of that function: its formula comes from running it on names, its title from its docstring."""
    numerator, denominator = function(*(Name(cell) for cell in ("TP", "FP", "FN", "TN")))
    return Metric(
        name=name,
        kind=kind,
        title=(function.__doc__ or "").partition("\n")[0],
        formula=str(numerator / denominator),
        better="higher" if better == "higher" else "lower" if better == "lower" else "neither",
        bounds=(least, 1.0),
        parts=function,
    )


def ratio(better: str, name: str = "") -> Callable[[Callable[..., tuple[Any, Any]]], Callable[..., tuple[Any, Any]]]:
    """Declare a metric that is a ratio of sums of cells, within [0, 1]."""

    def declare(function: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
        metric = _made(function, name or function.__name__, "ratio", better, 0.0)
        METRICS[metric.name] = metric
        return function

    return declare


def per_class(function: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
    """Declare a metric of one class that is not linear in its cells, within [-1, 1], undefined as 0."""
    METRICS[function.__name__] = _made(function, function.__name__, "class", "higher", -1.0)
    return function


@ratio("higher")
def precision(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows predicted as the class, the share that are it."""
    return tp, tp + fp


@ratio("higher")
def recall(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows of the class, the share predicted as it."""
    return tp, tp + fn


def f_beta(beta: float) -> Callable[..., tuple[Any, Any]]:
    """The parts of F-beta: recall weighs beta times as much as precision (van Rijsbergen 1979)."""
    square = beta * beta
    square = int(square) if square == int(square) else square

    def parts(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
        return (1 + square) * tp, (1 + square) * tp + fp + square * fn

    parts.__doc__ = {
        1: "The harmonic mean of precision and recall.",
        0.5: "F-beta that weighs precision twice as much as recall.",
        2: "F-beta that weighs recall twice as much as precision.",
    }.get(beta, f"F-beta that weighs recall {beta:g} times as much as precision.")
    return parts


for _beta in (1, 0.5, 2):
    ratio("higher", f"f{_beta:g}")(f_beta(_beta))


@ratio("higher")
def specificity(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows that are not of the class, the share not predicted as it."""
    return tn, tn + fp


@ratio("higher")
def npv(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows not predicted as the class, the share that are not it (negative predictive value)."""
    return tn, tn + fn


@ratio("lower")
def fpr(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows that are not of the class, the share predicted as it (false positive rate)."""
    return fp, fp + tn


@ratio("lower")
def fnr(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows of the class, the share that was missed (false negative rate)."""
    return fn, fn + tp


@ratio("lower")
def fdr(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows predicted as the class, the share that are not it (false discovery rate)."""
    return fp, fp + tp


@ratio("lower", "for")
def false_omission_rate(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows not predicted as the class, the share that are it (false omission rate)."""
    return fn, fn + tn


@ratio("higher")
def jaccard(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of the rows of the class or predicted as it, the share that are both (intersection over union)."""
    return tp, tp + fp + fn


@ratio("neither")
def prevalence(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Of all rows, the share of the class."""
    return tp + fn, tp + fp + fn + tn


@per_class
def mcc(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Correlation of truth and prediction of one class against the rest (Matthews 1975)."""
    return tp * tn - fp * fn, sqrt((tp + fp) * (tp + fn)) * sqrt((tn + fp) * (tn + fn))


@per_class
def informedness(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Recall + specificity - 1 of one class against the rest (Youden's J)."""
    return tp * tn - fp * fn, (tp + fn) * (fp + tn)


@per_class
def markedness(tp: Any, fp: Any, fn: Any, tn: Any) -> tuple[Any, Any]:
    """Precision + negative predictive value - 1 of one class against the rest."""
    return tp * tn - fp * fn, (tp + fp) * (fn + tn)


def declare_table(name: str, title: str, formula: str, better: str = "higher", least: float = 0.0) -> None:
    """Declare a metric of the whole table; `formula` is a Python expression that tests evaluate on random counts."""
    side: Literal["higher", "lower"] = "higher" if better == "higher" else "lower"
    METRICS[name] = Metric(name, "table", title, formula, side, (least, 1.0))


def declare_score(
    stem: str,
    title: str,
    formula: str,
    better: str,
    bounds: tuple[float, float],
    averages: tuple[str, ...],
    *,
    name: str,
) -> None:
    """Declare a metric of scores; `name` holds x or k where a number belongs."""
    side: Literal["higher", "lower"] = "higher" if better == "higher" else "lower"
    METRICS[name] = Metric(name, "score", title, formula, side, bounds, None, averages, stem)


def every_metric() -> list[Metric]:
    """All declared metrics: of classes, of the whole table, of scores; whichever module was loaded first."""
    return sorted(METRICS.values(), key=lambda metric: ("ratio", "class", "table", "score").index(metric.kind))


_BETA = re.compile(r"f(\d{1,4}(?:\.\d{1,6})?)")
_SHARE = re.compile(r"(tpr_at_fpr|partial_roc_auc)_(0?\.\d{1,9}|1)")
_TOP = re.compile(r"top_(\d{1,7})_accuracy")


def _with_number(name: str) -> Metric | None:
    """The metric whose name holds a number: "f3", "tpr_at_fpr_0.01", "top_5_accuracy"."""
    if beta := _BETA.fullmatch(name):
        return _made(f_beta(float(beta[1])), name, "ratio", "higher", 0.0)
    if top := _TOP.fullmatch(name):
        return replace(METRICS["top_k_accuracy"], name=name, argument=float(top[1])) if int(top[1]) else None
    if (share := _SHARE.fullmatch(name)) and float(share[2]):
        return replace(METRICS[f"{share[1]}_x"], name=name, argument=float(share[2]))
    return None


def find(name: str) -> tuple[Metric, str | None]:
    """The metric and the average that a public name stands for: "f1_macro" -> (f1, "macro"), "f1" -> (f1, None).

    Any beta is known: "f3", "f0.25_micro". InputError for a name that is not, with the nearest ones.
    """
    if name in METRICS and not METRICS[name].needs_number:
        return METRICS[name], None
    stem, _, suffix = name.rpartition("_")
    average = suffix if suffix in (*AVERAGES, "ovo") else None
    if average is None:
        stem = name
    metric = METRICS.get(stem) or _with_number(stem)
    if metric is None or metric.needs_number or (average and average not in metric.averages):
        near = difflib.get_close_matches(name, public_names((*AVERAGES, "ovo"), plain=True), n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "; `streamavg metrics` lists them"
        raise InputError(f"there is no metric {name!r}{hint}")
    return metric, average


def public_names(averages: tuple[str, ...], plain: bool) -> list[str]:
    """The names of all declared metrics: those of the whole table, then each average, plain ones if wanted."""
    known = [metric for metric in every_metric() if not metric.needs_number]
    names = [metric.name for metric in known if metric.is_whole]
    for metric in known:
        if not metric.is_whole:
            names += [metric.name] if plain else []
            names += [f"{metric.name}_{average}" for average in averages if average in metric.averages]
    return names
