"""The figures that live outputs show, against scikit-learn and snapshots that cannot be read."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from streamavg.accumulator import Accumulator
from streamavg.live.figures import ENOUGH, Reader
from streamavg.snapshot import Snapshot
from tests.live import samples


def test_the_values_are_those_of_the_snapshot():
    snap = samples.moment(3).snapshot
    found = Reader().values(snap)
    assert {"accuracy", "f1_micro", "f1_macro", "f1_weighted", "precision_macro"} <= found.keys()
    assert found == {name: snap[name] for name in found}


@pytest.mark.parametrize("policy", [{"zero_division": math.nan}, {"over": "supported"}])
def test_the_policy_is_that_of_the_reader(policy):
    snap = samples.counted(["a", "a", "b"], ["a", "c", "c"])
    assert Reader(policy).values(snap)["precision_macro"] == snap.value("precision_macro", **policy)
    assert Reader(policy).values(snap) != Reader().values(snap)


@pytest.mark.parametrize(
    ("data", "options", "names"),
    [
        ({"y_true": [True, False], "y_pred": [True, True]}, {}, {"f1", "precision", "accuracy", "f1_macro"}),
        ({"y_true": [["a"], ["b"]], "y_pred": [["a"], []]}, {}, {"f1_samples", "subset_accuracy", "hamming_loss"}),
        ({"y_true": [["a"], ["b"]], "y_pred": [["a"], []]}, {"samples": False}, {"f1_micro", "hamming_loss"}),
        ({"y_true": [True, False], "s": [0.7, 0.2]}, {"y_score": "s"}, {"roc_auc", "average_precision", "brier"}),
    ],
    ids=["binary", "sets", "sets without the row table", "scores"],
)
def test_every_task_has_its_own(data, options, names):
    acc = Accumulator(**options)
    acc.update(data)
    found = Reader().values(acc.snapshot())
    assert names <= found.keys()
    assert all(isinstance(value, float) for value in found.values())


def test_what_cannot_be_read_has_no_values():
    ahead = Accumulator()
    ahead.retract({"y_true": ["a", "b"], "y_pred": ["a", "a"]})
    for snap in (Snapshot(), samples.counted([None], ["a"]), ahead.snapshot()):
        assert Reader().values(snap) == {}
        assert Reader().worst(snap, 3) == []
        assert math.isnan(Reader().one(snap, "f1_macro"))


def test_the_worst_classes_are_those_of_scikit_learn():
    rng = np.random.default_rng(3)
    true = rng.choice(30, 3000, p=np.arange(1, 31) / 465)
    pred = np.where(rng.random(3000) < 0.7, true, rng.integers(0, 30, 3000))
    precision, recall, f1, support = precision_recall_fscore_support(true, pred, labels=range(30), zero_division=0)
    expected = sorted((f1[k], -support[k], k) for k in range(30) if support[k] >= ENOUGH)[:5]
    found = Reader().worst(samples.counted(true, pred), 5)
    assert [int(each.label) for each in found] == [k for _, _, k in expected]
    for each in found:
        k = int(each.label)
        assert (each.precision, each.recall, each.f1) == pytest.approx((precision[k], recall[k], f1[k]))
        assert each.support == support[k]


def test_classes_of_a_few_rows_are_not_called_bad():
    few = samples.counted(["rare"] * (ENOUGH - 1) + ["often"] * 20, ["often"] * 29)
    assert [each.label for each in Reader().worst(few, 5)] == ["often"]


def test_weights_decide_where_there_are_any():
    acc = Accumulator(sample_weight="w")
    acc.update({"y_true": ["a"] * 20, "y_pred": ["a"] * 10 + ["b"] * 10, "w": [3.0] * 10 + [1.0] * 10})
    (worst,) = Reader().worst(acc.snapshot(), 3)
    assert (worst.support, worst.recall) == (20, 0.75)
