"""Rows with scores, from Arrow columns to metrics: what counts, what is skipped and why, and what scikit-learn says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from tests import naive, scored
from tests.oracles import OF_RANKING, SCORE_ORACLES
from tests.scored import FORMS, TRUTHS, made, reads, rows_with_scores


def close(value, within=1e-12):
    """Equal to scikit-learn's, up to the rounding of its float64 sums."""
    return pytest.approx(value, abs=within)


# ---- which rows count, and as what


@given(rows_with_scores(), st.sampled_from(FORMS), st.sampled_from(TRUTHS))
def test_labels_and_skipped_rows_are_those_of_a_count_row_by_row(case, form, true):
    rows, rng = case
    true = "text" if rows.options.get("unknown") else true
    acc = rows.accumulator(**reads(rows, form, true))
    acc.update(rows.table(rng, "f8", form, true))
    held = naive.unpacked(acc.snapshot())
    assert held.covered == rows.naive().covered
    assert acc.snapshot().seen == len(rows)


# ---- metrics, against scikit-learn on the same rows

SHARES = (0.1, 0.25, 1)
ROUNDED = (
    "top_k_accuracy",
    "ece",
    "ece_debiased",
)  # ties are broken either way; sums of score are of multiples of 2**-30


def names_for(rows: scored.Rows):
    """(public name, name of the oracle, average, argument) of every metric of scores that these rows have."""
    averages = [None] if rows.task == "binary" else ["micro", "macro", "weighted"]
    for name in OF_RANKING:
        for x in SHARES if name.endswith("_x") else [None]:
            for average in averages:
                public = name if x is None else f"{name[:-2]}_{x:g}"
                yield public if average is None else f"{public}_{average}", name, average, x
    yield from ((name, name, None, None) for name in ("log_loss", "brier", "ece", "ece_debiased"))
    if rows.task == "multiclass":
        yield "roc_auc_ovo", "roc_auc", "ovo", None
        yield from ((f"top_{k}_accuracy", "top_k_accuracy", None, k) for k in (1, 2, 3, 9))
    if rows.task == "multilabel" and len(rows.classes) > 1:
        ranking = ("label_ranking_average_precision", "coverage_error", "label_ranking_loss")
        yield from ((name, name, None, None) for name in ranking)


def normalised(rows: scored.Rows) -> scored.Rows:
    """The same with scores of a class each that sum to one, in steps of 1/64, so that every slot holds one score."""
    if rows.task != "multiclass":
        return rows
    units = np.round(rows.scores * 64).astype(int)
    for row in units:
        while row.sum() > 64:
            row[row.argmax()] -= 1
        row[-1] += 64 - row.sum()
    return replace(rows, scores=units / 64)


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("weights", [None, "int", "float"])
def test_metrics_of_scores_one_a_slot_equal_those_of_scikit_learn(task, weights):
    options = {"ovo": task == "multiclass"} | ({"weight_quantum": 1 / 16} if weights == "float" else {})
    rng = np.random.default_rng(11)
    for many in (2, 7, 60, 60, 300):
        rows = normalised(made(rng, task, many, weights, wild=False, plain=True, **options))
        if task == "multiclass" and len(rows.classes) < 2:
            continue
        snap, held = rows.counted(), rows.weights
        seen = np.array([label in rows.naive().labels for label in rows.classes])
        for weighted in (True, False) if weights else (True,):
            for public, name, average, x in names_for(rows):
                found = snap.interval(public, weighted=weighted)
                used = held if weighted and average != "ovo" else None
                expected = SCORE_ORACLES[name](
                    rows.truth(), rows.scores, used, average, task, x, seen if "macro" in public else None
                )
                if np.isnan(expected):
                    assert found.method == "undefined", public
                    continue
                assert found.estimate == snap.value(public, weighted=weighted) == close(expected), (public, weighted)
                assert found.low - 1e-12 <= expected <= found.high + 1e-12, (public, found)
                if name not in ROUNDED:
                    assert found.method == "exact", public


@pytest.mark.parametrize("weights", [None, "int", "float"])
@pytest.mark.parametrize("null_pred", ["wrong", "abstain"])
def test_top_k_counts_rows_whose_class_has_no_score_as_missed(weights, null_pred):
    """Classes a, b, c have scores and the truth is also d; some scores are null. By rank of the true class."""
    rng = np.random.default_rng(3)
    rows, classes = 200, ("a", "b", "c")
    truth = rng.choice([*classes, "d"], rows)
    scores = rng.permuted(np.tile([0.2, 0.3, 0.5], (rows, 1)), axis=1)
    hole = rng.random(rows) < 0.1
    held = {None: np.ones(rows), "int": rng.integers(0, 5, rows), "float": rng.random(rows)}[weights]
    options = {} if weights is None else {"sample_weight": "weight", "weight_quantum": 2.0**-40}
    acc = sa.Accumulator(y_score="y_score", labels=classes, null_pred=null_pred, **options)
    given = [None if h else row for h, row in zip(hole, scores.tolist(), strict=True)]
    acc.update({"y_true": truth, "y_score": given, "weight": held})
    snap = acc.snapshot()
    asked = np.ones(rows, bool) if null_pred == "wrong" else ~hole
    for k in (1, 2, 3, 4):
        best = [set(np.take(classes, np.argsort(-row)[:k])) for row in scores]
        hit = np.array([true in found and not h for true, found, h in zip(truth, best, hole, strict=True)])
        assert snap[f"top_{k}_accuracy"] == close(np.average(hit[asked], weights=held[asked])), k
        assert snap.value(f"top_{k}_accuracy", weighted=False) == close(hit[asked].mean()), k
    assert snap["top_1_accuracy"] == close(snap["accuracy"])


def test_top_k_without_any_true_class_among_the_scores_is_0():
    acc = sa.Accumulator(y_score="y_score", labels=["a", "b"])
    acc.update({"y_true": ["d", "e"], "y_score": [[0.2, 0.8], [0.6, 0.4]]})
    assert acc.snapshot()["top_1_accuracy"] == acc.snapshot()["top_2_accuracy"] == acc.snapshot()["accuracy"] == 0.0


def test_beside_predictions_top_k_is_of_the_rows_with_scores():
    acc = sa.Accumulator(y_score="y_score", y_pred="y_pred", labels=["a", "b"])
    acc.update({"y_true": ["a", "b", "d"], "y_pred": ["a", "a", "a"], "y_score": [[0.2, 0.8], None, [0.6, 0.4]]})
    assert (acc.snapshot()["top_1_accuracy"], acc.snapshot()["top_2_accuracy"]) == (0.0, 0.5)


def test_coverage_of_weights_is_over_the_weight_of_rows_with_wrong_scores_too():
    acc = sa.Accumulator(y_score="s", sample_weight="w", weight_quantum=0.25)
    rows = {"y_true": [1, 0, 1, 0, 1, None], "s": [0.5, None, float("nan"), 0.25, 1.5, 0.5]}
    acc.update({**rows, "w": [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]})
    assert acc.snapshot()["coverage"] == acc.snapshot().value("coverage", weighted=False) == 2 / 5
    acc.update({**rows, "w": [0.5, 3.25, 4.0, 2.0, 8.0, 64.0]})
    assert acc.snapshot()["coverage"] == (2 + 2.5) / (5 + 17.75)
    assert sa.from_bytes(acc.snapshot().to_bytes()) == acc.snapshot()
    acc.retract({**rows, "w": [0.5, 3.25, 4.0, 2.0, 8.0, 64.0]})
    assert acc.snapshot()["coverage"] == 2 / 5
