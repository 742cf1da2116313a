"""Rows with scores, from Arrow columns to metrics: what counts, what is skipped and why, and what scikit-learn says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
