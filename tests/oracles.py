"""Every metric of the catalogue, computed elsewhere: by scikit-learn, or from rows in fractions; never by streamavg.

ORACLES maps a name to a function of (y_true, y_pred, average, zero_division, labels, pos_label). Rows are labels, or
indicator matrices for multilabel; average None is the positive class of a binary task, or the whole table.
"""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import numpy as np
from sklearn import metrics as sk

import streamavg as sa

SAMPLES = ("precision", "recall", "f1", "f0.5", "f2", "jaccard", "fnr", "fdr")  # metrics that never look at TN


def quiet(score, *args, **options):
    """scikit-learn's value without its warnings about what is undefined, which we ask for on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(score(*args, **options))


def is_multilabel(rows):
    return np.ndim(rows) == 2


def class_cells(y_true, y_pred, labels=None):
    """(tp, fp, fn, tn) of each class, Python ints."""
    return _four_ints(sk.multilabel_confusion_matrix(y_true, y_pred, labels=labels))


def row_cells(y_true, y_pred):
    """(tp, fp, fn, tn) of each row of a multilabel set."""
    return _four_ints(sk.multilabel_confusion_matrix(y_true, y_pred, samplewise=True))


def _four_ints(matrices):
    # astype: scikit-learn counts in floats where nothing was answered right
    return [(tp, fp, fn, tn) for (tn, fp), (fn, tp) in matrices.astype(np.int64).tolist()]


def mean(values, weights=None):
    """The mean of those that are not nan, exact; equal weights if all are zero, as in scikit-learn."""
    kept = [(Fraction(v), w) for v, w in zip(values, weights or [1] * len(values), strict=True) if not math.isnan(v)]
    if not kept:
        return math.nan
    if not sum(w for _, w in kept):
        kept = [(v, 1) for v, _ in kept]
    return float(sum(v * w for v, w in kept) / sum(w for _, w in kept))


def averaged_cells(value, y_true, y_pred, average, labels=None, pos_label=1):
    """A function of the four cells of one class, averaged in fractions."""
    if average == "samples":
        return mean([value(*cells) for cells in row_cells(y_true, y_pred)])
    if average is None:
        return float(value(*class_cells(y_true, y_pred, [pos_label])[0]))
    cells = class_cells(y_true, y_pred, labels)
    if average == "micro":
        return float(value(*map(sum, zip(*cells, strict=True))))
    values = [value(*each) for each in cells]
    return mean(values, [tp + fn for tp, _, fn, _ in cells] if average == "weighted" else None)


def from_cells(parts):
    """The oracle of a ratio that scikit-learn does not have, given its numerator and denominator."""

    def oracle(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
        def value(tp, fp, fn, tn):
            numerator, denominator = parts(tp, fp, fn, tn)
            return Fraction(numerator, denominator) if denominator else zero_division

        return averaged_cells(value, y_true, y_pred, average, labels, pos_label)

    return oracle


def from_scores(score, **fixed):
    """The oracle of a metric that scikit-learn averages itself."""

    def oracle(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
        options = dict(fixed, average=average or "binary", zero_division=zero_division, labels=labels)
        return quiet(score, y_true, y_pred, pos_label=pos_label, **options)

    return oracle


def jaccard(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
    if math.isnan(zero_division):  # jaccard_score refuses it
        union = from_cells(lambda tp, fp, fn, tn: (tp, tp + fp + fn))
        return union(y_true, y_pred, average, zero_division, labels, pos_label)
    return from_scores(sk.jaccard_score)(y_true, y_pred, average, zero_division, labels, pos_label)


def columns_of(y_true, y_pred, labels):
    """Truth and prediction of each class as zeros and ones."""
    if is_multilabel(y_true):
        chosen = range(np.shape(y_true)[1]) if labels is None else labels
        return [(np.asarray(y_true)[:, k], np.asarray(y_pred)[:, k]) for k in chosen]
    chosen = sorted({*y_true, *y_pred}) if labels is None else labels
    return [([y == label for y in y_true], [y == label for y in y_pred]) for label in chosen]


def mcc(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
    """scikit-learn's correlation of each binarised column; micro is that of all columns end to end."""
    columns = columns_of(y_true, y_pred, [pos_label] if average is None else labels)
    if average == "micro":
        columns = [(np.concatenate([true for true, _ in columns]), np.concatenate([pred for _, pred in columns]))]
    values = [quiet(sk.matthews_corrcoef, true, pred) for true, pred in columns]
    return mean(values, [int(np.sum(true)) for true, _ in columns] if average == "weighted" else None)


def two_sided(first, second):
    """The oracle of first + second - 1, two ratios of a class; 0 if one of them is 0/0."""

    def value(tp, fp, fn, tn):
        ratios = first(tp, fp, fn, tn), second(tp, fp, fn, tn)
        if not all(denominator for _, denominator in ratios):
            return Fraction(0)
        return sum(Fraction(*ratio) for ratio in ratios) - 1

    def oracle(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
        return averaged_cells(value, y_true, y_pred, average, labels, pos_label)

    return oracle


def whole(score):
    """The oracle of a number for the whole table."""

    def oracle(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
        return quiet(score, y_true, y_pred)

    return oracle


def coverage(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
    return float(np.mean([answer is not None for answer in y_pred]))


def balanced_accuracy(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
    """scikit-learn's for one label a row; it has none for multilabel, where it is recall over the columns in use."""
    if not is_multilabel(y_true):
        return quiet(sk.balanced_accuracy_score, y_true, y_pred)
    used = np.flatnonzero(np.any(y_true, axis=0)).tolist()
    return mean([Fraction(tp, tp + fn) for tp, _, fn, _ in class_cells(y_true, y_pred, used)] if used else [])


def f1_of_macro(y_true, y_pred, average=None, zero_division=0.0, labels=None, pos_label=1):
    """The harmonic mean of scikit-learn's macro precision and macro recall; that of 0 and 0 is 0."""
    precision, recall = (
        from_scores(score)(y_true, y_pred, "macro", zero_division, labels)
        for score in (sk.precision_score, sk.recall_score)
    )
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


ORACLES = {
    "precision": from_scores(sk.precision_score),
    "recall": from_scores(sk.recall_score),
    "f1": from_scores(sk.f1_score),
    "f0.5": from_scores(sk.fbeta_score, beta=0.5),
    "f2": from_scores(sk.fbeta_score, beta=2),
    "jaccard": jaccard,
    "specificity": from_cells(lambda tp, fp, fn, tn: (tn, tn + fp)),
    "npv": from_cells(lambda tp, fp, fn, tn: (tn, tn + fn)),
    "fpr": from_cells(lambda tp, fp, fn, tn: (fp, tn + fp)),
    "fnr": from_cells(lambda tp, fp, fn, tn: (fn, tp + fn)),
    "fdr": from_cells(lambda tp, fp, fn, tn: (fp, tp + fp)),
    "for": from_cells(lambda tp, fp, fn, tn: (fn, tn + fn)),
    "prevalence": from_cells(lambda tp, fp, fn, tn: (tp + fn, tp + fp + fn + tn)),
    "mcc": mcc,
    "informedness": two_sided(lambda tp, fp, fn, tn: (tp, tp + fn), lambda tp, fp, fn, tn: (tn, tn + fp)),
    "markedness": two_sided(lambda tp, fp, fn, tn: (tp, tp + fp), lambda tp, fp, fn, tn: (tn, tn + fn)),
    "accuracy": whole(sk.accuracy_score),
    "zero_one_loss": whole(sk.zero_one_loss),
    "subset_accuracy": whole(sk.accuracy_score),
    "hamming_loss": whole(sk.hamming_loss),
    "matthews_corrcoef": whole(sk.matthews_corrcoef),
    "cohen_kappa": whole(sk.cohen_kappa_score),
    "balanced_accuracy": balanced_accuracy,
    "coverage": coverage,
    "f1_of_macro": f1_of_macro,
}
WHOLE = tuple(ORACLES)[16:]


# ---- metrics of scores: truth bool (rows, classes), scores (rows, classes), weights of rows or None


def of_ranking(score, two_sided=True):
    """The oracle of a metric of one ranking, given its value for truth, scores and weights of one class, or of all
    classes end to end; classes with rows of one kind have none, where it needs two, and leave the mean.
    """

    def value(truth, scores, weights, argument):
        held = np.ones(len(truth)) if weights is None else weights
        if not held.sum() or (two_sided and not (held[truth].sum() and held[~truth].sum())):
            return math.nan
        return quiet(score, truth, scores, held, argument)

    def oracle(truth, scores, weights=None, average=None, task="binary", argument=None, seen=None):
        if average == "ovo":
            return hand_till(truth, scores)
        if average == "micro":
            each = None if weights is None else np.repeat(weights, truth.shape[1])
            return value(truth.ravel(), scores.ravel(), each, argument)
        values = [value(truth[:, k], scores[:, k], weights, argument) for k in range(truth.shape[1])]
        if average is None:
            return values[0]
        seen = np.ones(len(values), bool) if seen is None else seen
        counts = truth.sum(axis=0) if weights is None else weights @ truth
        shares = counts if average == "weighted" else seen
        kept = [(v, float(s)) for v, s in zip(values, shares, strict=True) if not math.isnan(v)]
        whole = math.fsum(s for _, s in kept)
        return math.fsum(v * s for v, s in kept) / whole if whole else math.nan

    return oracle


def hand_till(truth, scores):
    """The mean over ordered pairs of classes that have rows of the AUC of the first one's score between them."""
    true = truth.argmax(axis=1)
    met = [k for k in range(truth.shape[1]) if truth[:, k].any()]
    areas = []
    for i in met:
        for j in met:
            if i != j:
                rows = truth[:, i] | truth[:, j]
                areas.append(quiet(sk.roc_auc_score, true[rows] == i, scores[rows, i]))
    return float(np.mean(areas)) if areas else math.nan


def roc(truth, scores, weights):
    """FPR and TPR of every threshold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sk.roc_curve(truth, scores, sample_weight=weights, drop_intermediate=False)[:2]


def calibration_error(means, shares, rows, debiased):
    """The expected calibration error of groups; debiased as its signed root without the variance of the shares."""
    gaps = [abs(mean - share) for mean, share in zip(means, shares, strict=True)]
    if not debiased:
        return math.fsum(n * gap for n, gap in zip(rows, gaps, strict=True)) / math.fsum(rows)
    squares = [gap**2 - y * (1 - y) / max(n - 1, 1) for gap, y, n in zip(gaps, shares, rows, strict=True)]
    whole = math.fsum(n * square for n, square in zip(rows, squares, strict=True)) / math.fsum(rows)
    return math.copysign(math.sqrt(abs(whole)), whole)


def in_groups(group, truth, scores, weights, debiased):
    """The calibration error of rows that are grouped by a number."""
    kept = [group == each for each in np.unique(group[weights > 0])]
    rows = [math.fsum(weights[k]) for k in kept]
    means = [math.fsum(weights[k] * scores[k]) / n for k, n in zip(kept, rows, strict=True)]
    shares = [math.fsum(weights[k] * truth[k]) / n for k, n in zip(kept, rows, strict=True)]
    return calibration_error(means, shares, rows, debiased)


def equal_mass(debiased):
    """Groups of distinct scores, cut where the rows below are nearest to each fifteenth of them, the upper if tied."""

    def value(truth, scores, weights, _):
        distinct = np.unique(scores)
        below = [Fraction(float(weights[scores < each].sum())) for each in distinct]
        whole = Fraction(float(weights.sum()))
        cuts = []
        for part in range(15):
            wanted = whole * part / 15
            away = min(abs(edge - wanted) for edge in [*below, whole])
            cuts.append(max(k for k, edge in enumerate([*below, whole]) if abs(edge - wanted) == away))
        first = [distinct[k] for k in sorted({k for k in cuts if k < len(distinct)} | {0})]
        return in_groups(np.searchsorted(first, scores, side="right"), truth, scores, weights, debiased)

    return value


def equal_width(debiased):
    def oracle(truth, scores, weights=None, average=None, task="binary", argument=None, seen=None):
        held = np.ones(len(truth)) if weights is None else weights
        if task == "multiclass":
            best = scores.argmax(axis=1)
            truth, scores = truth[np.arange(len(best)), best], scores.max(axis=1)
        else:
            held = np.repeat(held, truth.shape[1])
            truth, scores = truth.ravel(), scores.ravel()
        bands = np.array([min(math.floor(score * 15), 14) for score in scores.tolist()])
        return in_groups(bands, truth, scores, held, debiased)

    return oracle


def log_loss(truth, scores, weights=None, average=None, task="binary", argument=None, seen=None):
    if task == "multilabel":
        return float(np.mean([log_loss(truth[:, [k]], scores[:, [k]], weights) for k in range(truth.shape[1])]))
    options = {"labels": [False, True]} if task == "binary" else {"labels": range(truth.shape[1])}
    true = truth[:, 0] if task == "binary" else truth.argmax(axis=1)
    return quiet(sk.log_loss, true, scores, sample_weight=weights, **options)


def brier(truth, scores, weights=None, average=None, task="binary", argument=None, seen=None):
    if task == "multilabel":
        return float(np.mean([brier(truth[:, [k]], scores[:, [k]], weights) for k in range(truth.shape[1])]))
    options = {"labels": [False, True]} if task == "binary" else {"labels": range(truth.shape[1])}
    true, held = (truth[:, 0], scores[:, 0]) if task == "binary" else (truth.argmax(axis=1), scores)
    return quiet(sk.brier_score_loss, true, held, sample_weight=weights, **options)


def top_k(truth, scores, weights=None, average=None, task="multiclass", argument=1, seen=None):
    """The mean chance that a random order of equal scores puts the true class among the first k."""
    chances = []
    for true, row in zip(truth.argmax(axis=1), scores, strict=True):
        above, like = (row > row[true]).sum(), (row == row[true]).sum()
        chances.append(Fraction(int(min(max(argument - above, 0), like)), int(like)))
    return float(np.average([float(chance) for chance in chances], weights=weights))


def label_ranking(score):
    def oracle(truth, scores, weights=None, average=None, task="multilabel", argument=None, seen=None):
        return quiet(score, truth, scores, sample_weight=weights)

    return oracle


SCORE_ORACLES = {
    "roc_auc": of_ranking(lambda y, s, w, _: sk.roc_auc_score(y, s, sample_weight=w)),
    "average_precision": of_ranking(lambda y, s, w, _: sk.average_precision_score(y, s, sample_weight=w)),
    "ks": of_ranking(lambda y, s, w, _: np.abs(np.subtract(*roc(y, s, w))).max()),
    "youden": of_ranking(lambda y, s, w, _: -np.subtract(*roc(y, s, w)).min()),
    "tpr_at_fpr_x": of_ranking(lambda y, s, w, x: max(t for f, t in zip(*roc(y, s, w), strict=True) if f <= x)),
    "partial_roc_auc_x": of_ranking(lambda y, s, w, x: sk.roc_auc_score(y, s, sample_weight=w, max_fpr=x)),
    "ece_mass": of_ranking(equal_mass(debiased=False), two_sided=False),
    "ece_mass_debiased": of_ranking(equal_mass(debiased=True), two_sided=False),
    "log_loss": log_loss,
    "brier": brier,
    "ece": equal_width(debiased=False),
    "ece_debiased": equal_width(debiased=True),
    "top_k_accuracy": top_k,
    "label_ranking_average_precision": label_ranking(sk.label_ranking_average_precision_score),
    "coverage_error": label_ranking(sk.coverage_error),
    "label_ranking_loss": label_ranking(sk.label_ranking_loss),
}
OF_RANKING = tuple(SCORE_ORACLES)[:8]


def assert_group(a, b, c):
    """Three snapshots obey the laws of a commutative group."""
    zero = sa.Snapshot()
    assert a + zero == a == zero + a
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert (a + b) - b == a
    assert a - a == zero
    assert (a - b) + b == a
    assert zero - (zero - a) == a
    assert a - (b - c) == (a - b) + c
