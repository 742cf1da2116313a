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
