"""What scores owe: nothing of any rows that were counted, and what is named of differences and forgeries."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given

import streamavg as sa
from streamavg.checkpoint.wire import from_bytes, to_bytes
from streamavg.state.score_debts import score_debt
from tests.scored import made, rows_with_scores


@given(rows_with_scores())
def test_no_rows_owe_anything(case):
    rows, rng = case
    whole = rows.counted()
    assert score_debt(whole.state) is None
    part = rows.at(rng.random(len(rows)) < 0.5).counted()
    assert score_debt((whole - part).state) is None
    assert score_debt((whole + part).state) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("unit", [1e-300, 2.0**-1074, 1.0, 1e18, 1e285])
def test_weights_of_any_size_owe_nothing(unit):
    rng = np.random.default_rng(7)
    for task in ("binary", "multiclass", "multilabel"):
        rows = made(rng, task, 60, "int", weight_quantum=unit)
        rows = dataclasses.replace(rows, weights=rows.weights * unit)
        snap = rows.counted()
        assert score_debt(snap.state) is None
        assert from_bytes(to_bytes(snap.state)).fingerprint == snap.fingerprint()


def counted(classes, rows):
    acc = sa.Accumulator(y_score="s", labels=classes, score_bins=268)
    acc.update({"y_true": [true for true, _ in rows], "s": [scores for _, scores in rows]})
    return acc.snapshot()


def test_what_a_difference_owes_is_named_and_kept():
    """Rows of a class that the other state does not have leave its scores without rows."""
    one = counted(["a", "b"], [("a", [0.5, 0.25]), ("b", [0.25, 0.5])])
    other = counted(["b"], [("b", [0.5])])
    owing = one - other
    assert not (owing.matrix < 0).any()
    assert score_debt(owing.state) == "label 'a' has 2 scores in 1 rows"
    with pytest.raises(sa.InputError, match="label 'a' has 2 scores in 1 rows"):
        owing.value("roc_auc_macro")
    back = sa.from_bytes(owing.to_bytes())
    assert back == owing
    assert (back + other)["roc_auc_macro"] == one["roc_auc_macro"]


@pytest.mark.parametrize("many", [1 << 62, (1 << 63) - 1, 1 << 40])
def test_pairs_that_pass_int64_are_seen(many):
    state = made(np.random.default_rng(1), "multiclass", 30, ovo=True, score_bins=268).counted().state
    versus = state.scores.versus.copy()
    versus[:, 0, 5] = many
    owing = dataclasses.replace(state, scores=dataclasses.replace(state.scores, versus=versus))
    assert score_debt(owing) == "there are more scores of classes against each other than scores"
