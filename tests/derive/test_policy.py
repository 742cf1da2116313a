"""Policies: what they accept, and which classes each of them averages."""

from __future__ import annotations

import math

import pytest

import streamavg as sa
from streamavg.derive.policy import Policy, mean_classes, pooled_classes


@pytest.fixture
def snap():
    """Declared x, a, b, c: x has no row, a and b are true, c was only ever answered; d was not declared."""
    acc = sa.Accumulator(labels=["x", "a", "b", "c"])
    acc.update({"y_true": ["a", "a", "b", "d"], "y_pred": ["a", "c", "b", "a"]})
    return acc.snapshot()


def means(snap, **policy):
    return mean_classes(snap.state, Policy.of(**policy)).labels


def test_classes_of_a_mean(snap):
    assert means(snap) == means(snap, over="seen") == ("a", "b", "c", "d")
    assert means(snap, over="supported") == ("a", "b", "d")
    assert means(snap, over="declared") == ("x", "a", "b", "c")
    assert means(snap, labels=["c", "x", "never"]) == ("c", "x", "never")
    assert means(snap, labels=["c"], over="declared") == ("c",)
    assert means(snap, labels=[]) == ()


def test_pooling_takes_all_labels_or_the_given_ones(snap):
    assert pooled_classes(snap.state, Policy.of(over="supported")).labels == ("x", "a", "b", "c", "d")
    assert pooled_classes(snap.state, Policy.of(labels=["a"])).matrix.tolist() == [[1, 1, 1, 1]]
    assert pooled_classes(snap.state, Policy.of(labels=["never"])).matrix.tolist() == [[0, 0, 0, 4]]


def test_over_declared_needs_declared_labels():
    acc = sa.Accumulator()
    acc.update({"y_true": ["a"], "y_pred": ["a"]})
    with pytest.raises(sa.InputError, match=r"declared.*over='seen'"):
        acc.snapshot().value("f1_macro", over="declared")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"zero_division": 0.5}, "zero_division is 0.5.*0.0, 1.0 or nan"),
        ({"zero_division": -1}, "zero_division"),
        ({"zero_division": "warn"}, "zero_division is 'warn'"),
        ({"zero_division": None}, "zero_division is None"),
        ({"over": "all"}, "over is 'all'.*seen, declared, supported"),
        ({"labels": ["a", "a"]}, "twice"),
        ({"labels": [1, "1"]}, "twice"),
        ({"labels": [0.5]}, "whole number"),
        ({"labels": "ab"}, "labels is the text 'ab'"),
    ],
)
def test_policies_that_cannot_be(options, words):
    with pytest.raises(sa.InputError, match=words):
        Policy.of(**options)


def test_policy_takes_labels_by_their_text():
    assert Policy.of(labels=[3, 3.5 + 0.5, True, b"x"]).labels == ("3", "4", "1", "x")
    assert Policy.of(zero_division=1).zero_division == 1.0
    assert math.isnan(Policy.of(zero_division=math.nan).zero_division)


def test_true_negatives_do_not_wrap_at_the_edge_of_int64():
    rows = 2**63 - 1
    snap = sa.from_counts(["a", "b"], [rows, 0], [0, 2**62], [0, 2**62 - 2], rows)
    assert snap.matrix.tolist() == [[rows, 0, 0, 0], [0, 2**62, 2**62 - 2, 1]]
