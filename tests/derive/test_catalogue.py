"""The catalogue: complete, covered by an oracle, and forgiving about names."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.derive import scored, whole
from streamavg.derive.catalogue import METRICS, every_metric, find, public_names
from tests.oracles import OF_RANKING, ORACLES, SAMPLES, SCORE_ORACLES, WHOLE

LOWER = {"fpr", "fnr", "fdr", "for", "hamming_loss", "zero_one_loss"}
SIGNED = {"mcc", "informedness", "markedness", "matthews_corrcoef", "cohen_kappa"}
LOSSES = {"log_loss": math.inf, "brier": 2.0, "coverage_error": math.inf}  # and their greatest values


def test_every_metric_has_an_oracle():
    assert set(whole.WHOLE) == set(WHOLE)
    assert set(METRICS) == set(ORACLES) | set(SCORE_ORACLES)
    assert {*scored.OF_CLASS, *scored.OF_TABLE} == {METRICS[name].stem for name in SCORE_ORACLES}


def test_metrics_are_listed_by_kind_whichever_module_came_first():
    code = "import streamavg.derive.{}, streamavg.derive.{}\n"
    code += "from streamavg.derive.catalogue import every_metric\nprint(*[each.name for each in every_metric()])"
    listed = [metric.name for metric in every_metric()]
    assert sorted(listed) == sorted(METRICS)
    assert set(listed[-len(SCORE_ORACLES) :]) == set(SCORE_ORACLES)
    for order in (("scored", "whole"), ("whole", "scored")):
        ran = subprocess.run([sys.executable, "-c", code.format(*order)], capture_output=True, text=True, check=True)
        assert ran.stdout.split() == listed


@pytest.mark.parametrize("name", SCORE_ORACLES)
def test_averages_bounds_and_direction_of_metrics_of_scores(name):
    metric = METRICS[name]
    assert (metric.kind, metric.is_whole) == ("score", name not in OF_RANKING)
    assert metric.averages == (("micro", "macro", "weighted") if name in OF_RANKING else ()) + (
        ("ovo",) if name == "roc_auc" else ()
    )
    lower = name in LOSSES or "ece" in name or name == "label_ranking_loss"
    assert metric.better == ("lower" if lower else "higher")
    assert metric.bounds == (-1.0 if "debiased" in name else 0.0, LOSSES.get(name, 1.0))
    assert metric.title.endswith((".", ")"))
    assert metric.needs_number == (name in ("tpr_at_fpr_x", "partial_roc_auc_x", "top_k_accuracy"))


def test_numbers_in_names_of_metrics_of_scores():
    for name, number in {"tpr_at_fpr_0.01": 0.01, "partial_roc_auc_.5": 0.5, "top_5_accuracy": 5}.items():
        metric, average = find(name)
        assert (metric.name, metric.argument, metric.needs_number, average) == (name, number, False, None)
    assert find("tpr_at_fpr_1_macro")[1] == "macro"
    assert find("roc_auc_ovo")[1] == "ovo"
    bad = ["tpr_at_fpr_0", "tpr_at_fpr_2", "tpr_at_fpr_x", "top_0_accuracy", "top_k_accuracy", "top_2_accuracy_macro"]
    for wrong in [
        *bad,
        "partial_roc_auc_-1",
        "ks_ovo",
        "log_loss_macro",
        "f1_ovo",
        "roc_auc_samples",
        "top_1.5_accuracy",
    ]:
        with pytest.raises(sa.InputError, match=f"no metric '{wrong}'"):
            find(wrong)


@pytest.mark.parametrize("name", ORACLES)
def test_kind_averages_bounds_and_direction(name):
    metric = METRICS[name]
    averages = ["micro", "macro", "weighted"] + ["samples"] * (name in SAMPLES)
    assert metric.averages == tuple([] if name in WHOLE else averages)
    assert metric.bounds == ((-1.0, 1.0) if name in SIGNED else (0.0, 1.0))
    assert metric.better == ("lower" if name in LOWER else "neither" if name == "prevalence" else "higher")
    assert metric.title.endswith((".", ")")) or name in WHOLE
    assert "\n" not in metric.title + metric.formula


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 50)] * 3), st.sampled_from(["3", "0.25", "1", "10", "0.1", "1.5"]))
def test_any_beta_is_known(cells, beta):
    """F-beta from precision and recall, as van Rijsbergen wrote it."""
    tp, fp, fn = cells
    assume(any(cells))
    snap = sa.from_counts(["a"], [tp], [fp], [fn], rows=150)
    square, precision, recall = float(beta) ** 2, snap["precision_macro"], snap["recall_macro"]
    below = square * precision + recall
    expected = (1 + square) * precision * recall / below if below else 0.0
    for average in ("micro", "macro", "weighted"):
        assert snap[f"f{beta}_{average}"] == pytest.approx(expected, abs=1e-15)
    assert find(f"f{beta}_samples")[1] == "samples"


def test_names_with_and_without_an_average():
    assert [find(name)[1] for name in ("f1", "f1_macro", "f0.5_micro", "for_weighted")] == [
        None,
        "macro",
        "micro",
        "weighted",
    ]
    assert find("f1_of_macro")[0].name == "f1_of_macro"
    assert find("accuracy")[1] is None


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("f1_marco", "f1_macro"),
        ("F1_macro", "f1_macro"),
        ("precison_micro", "precision_micro"),
        ("balanced_acuracy", "balanced_accuracy"),
        ("specificity_samples", "specificity_macro"),
        ("accuracy_macro", "accuracy"),
    ],
)
def test_unknown_names_suggest_the_nearest(wrong, near):
    with pytest.raises(sa.InputError, match=f"no metric '{wrong}'; did you mean .*{near}"):
        find(wrong)


@pytest.mark.parametrize(
    "wrong", ["", "_", "_macro", "zzz", "f", "f_macro", "f-1", "f1e5", "finf", "fnan", "f1_", "f" + "9" * 400]
)
def test_unknown_names_are_refused(wrong):
    with pytest.raises(sa.InputError, match="no metric"):
        find(wrong)


def test_public_names_are_each_metric_with_each_average():
    names = public_names(("micro", "macro", "weighted", "samples"), plain=True)
    assert len(names) == len(set(names))
    expected = {*WHOLE, *(set(ORACLES) - set(WHOLE))}
    expected |= {
        f"{name}_{average}" for name in set(ORACLES) - set(WHOLE) for average in ("micro", "macro", "weighted")
    }
    known = {name for name in SCORE_ORACLES if not METRICS[name].needs_number}
    expected |= known | {
        f"{name}_{average}" for name in known & set(OF_RANKING) for average in ("micro", "macro", "weighted")
    }
    assert set(names) == expected | {f"{name}_samples" for name in SAMPLES}
    assert all(find(name) for name in names)
