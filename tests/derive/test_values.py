"""Metrics by name: which a state answers, what a name may say, and what cannot be read."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

import streamavg as sa
from tests.oracles import ORACLES, SAMPLES, WHOLE

BY_CLASS = [name for name in ORACLES if name not in WHOLE]
ONE_LABEL = {"cohen_kappa", "matthews_corrcoef"}
EXACT = {"accuracy", "zero_one_loss", "subset_accuracy"}


def averaged(*averages):
    return {f"{name}_{average}" for name in BY_CLASS for average in averages}


def sets(samples=True):
    acc = sa.Accumulator(samples=samples)
    acc.update({"y_true": pa.array([["a"], ["a", "b"]]), "y_pred": pa.array([["a"], ["b", "c"]])})
    return acc.snapshot()


def test_every_metric_of_the_task():
    """Plain names are for binary, samples averages for sets of labels, kappa for one label a row."""
    multiclass, binary = (sa.from_confusion([0, 1], [[3, 1], [2, 4]], pos_label=positive) for positive in (None, 1))
    three = averaged("micro", "macro", "weighted")
    assert set(multiclass.metrics()) == three | set(WHOLE)
    assert set(binary.metrics()) == three | set(WHOLE) | set(BY_CLASS)
    samples = {f"{name}_samples" for name in SAMPLES}
    assert set(sets().metrics()) == three | samples | set(WHOLE) - ONE_LABEL
    assert set(sets(samples=False).metrics()) == three | set(WHOLE) - ONE_LABEL - EXACT


@pytest.mark.parametrize("policy", [{}, {"zero_division": 1.0}, {"zero_division": math.nan, "over": "supported"}])
def test_metrics_are_the_values_one_by_one(policy):
    for snap in (sa.from_confusion(["a", "b", "c"], [[3, 1, 0], [2, 0, 0], [0, 0, 0]]), sets()):
        for name, value in snap.metrics(**policy).items():
            assert repr(value) == repr(snap.value(name, **policy)), name
            assert type(value) is float, name


def test_subscript_is_the_value_under_the_default_policy():
    snap = sa.from_confusion(["a", "b"], [[3, 1], [2, 4]])
    assert snap["f1_macro"] == snap.value("f1_macro") == snap.value("f1", average="macro")
    assert snap.value("f1_macro", average="macro") == snap["f1_macro"]


@pytest.mark.parametrize(
    ("name", "average", "words"),
    [
        ("f1_macro", "micro", "already names the average 'macro'"),
        ("accuracy", "macro", "whole table"),
        ("f1", "median", "no 'median' average; it has micro, macro, weighted, samples"),
        ("specificity", "samples", "no 'samples' average; it has micro, macro, weighted"),
        ("f1_marco", None, "did you mean f1_macro"),
        ("f1_marco", "macro", "did you mean f1_macro"),
    ],
)
def test_requests_that_cannot_be(name, average, words):
    with pytest.raises(sa.InputError, match=words):
        sa.from_confusion(["a", "b"], [[3, 1], [2, 4]]).value(name, average)


def test_negative_counts_cannot_be_read():
    one, two = sa.from_confusion(["a", "b"], [[3, 1], [2, 4]]), sa.from_confusion(["a", "b"], [[3, 1], [2, 5]])
    owing = one - two
    for read in (owing.metrics, owing.table, owing.confusion, owing.to_dict, owing.to_csv, lambda: owing["accuracy"]):
        with pytest.raises(sa.InputError, match=r"negative counts.*'b' has TP -1"):
            read()


def test_negative_true_negatives_cannot_be_read():
    """x answered y and z answered x, less z answered y: one row in which x is a false positive and a false negative."""
    acc, less = sa.Accumulator(), sa.Accumulator()
    acc.update({"y_true": ["x", "z"], "y_pred": ["y", "x"]})
    less.update({"y_true": ["z"], "y_pred": ["y"]})
    owing = acc.snapshot() - less.snapshot()
    assert owing.matrix.tolist() == [[0, 1, 1, -1]]
    with pytest.raises(sa.InputError, match=r"negative counts.*'x'"):
        owing.metrics()


@pytest.mark.parametrize("options", [{"null_pred": "abstain"}, {}])
def test_negative_skipped_and_tallies_cannot_be_read(options):
    acc, less = sa.Accumulator(**options), sa.Accumulator(**options)
    acc.update({"y_true": ["a", "a"], "y_pred": pa.array(["a", "b"])})
    less.update({"y_true": ["a"], "y_pred": pa.array([None], pa.string())})
    with pytest.raises(sa.InputError, match="null_pred is -1" if options else "unanswered is -1"):
        (acc.snapshot() - less.snapshot()).metrics()
