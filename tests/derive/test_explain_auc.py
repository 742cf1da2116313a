"""The gap between micro and macro ROC AUC: parts and residual sum to it; text names what makes it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import streamavg as sa
from streamavg.derive.explain import sentence
from streamavg.derive.explain_auc import explain_areas
from streamavg.derive.policy import Policy
from streamavg.derive.tables import explanation_table

CLASSES = st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1) | st.just(math.nan)), min_size=1, max_size=8)


@given(CLASSES, st.floats(0, 1))
def test_contributions_and_residual_sum_to_the_gap(classes, micro):
    positives, values = (np.array(side) for side in zip(*classes, strict=True))
    found = explain_areas([str(k) for k in range(len(classes))], positives, values, micro)
    defined = [(p, v) for p, v in classes if not math.isnan(v)]
    assert len(found.labels) == len(defined)
    if not defined:
        assert math.isnan(found.gap)
        return
    assert found.macro == pytest.approx(sum(v for _, v in defined) / len(defined), abs=1e-12)
    assert math.fsum([*found.contribution, found.residual]) == pytest.approx(micro - found.macro, abs=1e-12)
    total = sum(p for p, _ in defined)
    for label, weight, value in zip(found.labels, found.weight, found.value, strict=True):
        p, v = classes[int(label)]
        assert weight == pytest.approx(p / total if total else 0)
        assert value == v


def test_the_definition_on_real_scores():
    rng = np.random.default_rng(7)
    truth = np.r_[np.arange(3), rng.choice(3, 300, p=[0.7, 0.2, 0.1])]
    scores = rng.random((303, 3)) + 0.5 * np.eye(3)[truth]
    hot = np.eye(3)[truth]
    values = roc_auc_score(hot, scores, average=None)
    micro = roc_auc_score(hot, scores, average="micro")
    found = explain_areas(["a", "b", "c"], hot.sum(axis=0).astype(np.int64), values, micro)
    weighted = roc_auc_score(hot, scores, average="weighted")
    assert found.residual == pytest.approx(micro - weighted, abs=1e-12)
    for label, contribution in zip(found.labels, found.contribution, strict=True):
        c = "abc".index(label)
        wanted = (hot[:, c].mean() - 1 / 3) * (values[c] - weighted)
        assert contribution == pytest.approx(wanted, abs=1e-12)


def test_it_plugs_into_tables():
    snap = sa.from_confusion(["1", "2"], [[1, 0], [0, 1]])
    found = explain_areas(["1", "2"], np.array([90, 10]), np.array([0.95, 0.7]), 0.93)
    table = explanation_table(snap.state, found, Policy.of())
    assert table["label"].to_pylist() == [2, 1]  # -0.4 * -0.225 of 0.105
    assert table.schema.metadata[b"metric"] == b'"roc_auc"'


def test_sentences():
    most = explain_areas(["a", "b"], np.array([90, 10]), np.array([0.95, 0.7]), 0.925)
    assert sentence(most).startswith("macro roc_auc is 0.10 below micro; ")
    assert sentence(most).endswith("with 10 % of the rows makes 90 % of that: b")
    across = explain_areas(["a", "b"], np.array([50, 50]), np.array([0.8, 0.8]), 0.9)
    assert sentence(across) == (
        "macro roc_auc is 0.10 below micro; most of that comes from comparing scores across classes"
    )


def test_undefined_classes_take_no_part():
    found = explain_areas(["a", "b"], np.array([9, 0]), np.array([0.75, math.nan]), 0.8)
    assert (found.labels, found.macro, found.weight.tolist()) == (("a",), 0.75, [1.0])
