"""The catalogue: complete, covered by an oracle, and forgiving about names."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.derive import whole
from streamavg.derive.catalogue import METRICS, find, public_names
from tests.oracles import ORACLES, SAMPLES, WHOLE

LOWER = {"fpr", "fnr", "fdr", "for", "hamming_loss", "zero_one_loss"}
SIGNED = {"mcc", "informedness", "markedness", "matthews_corrcoef", "cohen_kappa"}


def test_every_metric_has_an_oracle():
    assert set(whole.WHOLE) == set(WHOLE)
    assert set(METRICS) == set(ORACLES)


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
    assert set(names) == expected | {f"{name}_samples" for name in SAMPLES}
    assert all(find(name) for name in names)
