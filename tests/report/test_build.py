"""The neutral report: which classes it shows, what it pools, and the policy it prints."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.report.build import ALL_SHOWN, class_rows, errors_shown, policy_words


def random_snapshot(size, seed, most=50):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, most, (size, size)) * (rng.random((size, size)) < 0.1)
    matrix += np.diag((rng.pareto(0.5, size) * 10).astype(int) % 10**6)
    return sa.from_confusion([f"class {k}" for k in range(size)], matrix)


@settings(deadline=None)
@given(st.integers(1, ALL_SHOWN), st.integers(0, 99))
def test_up_to_thirty_classes_are_all_shown_largest_first(size, seed):
    snap = random_snapshot(size, seed)
    rows, rest = class_rows(snap.report())
    assert rest is None
    table = {row["label"]: row for row in snap.table().to_pylist()}
    assert [row.label for row in rows] == sorted(table, key=lambda label: -table[label]["support"])
    for row in rows:
        expected = table[row.label]
        assert (row.count, row.support, row.predicted) == (1, expected["support"], expected["predicted"])
        assert row.values == tuple(expected[name] for name in ("precision", "recall", "f1"))


@settings(deadline=None)
@given(st.integers(ALL_SHOWN + 1, 120), st.integers(0, 99))
def test_the_rest_is_pooled_into_one_row_that_sums(size, seed):
    """Whatever is shown and whatever is pooled: labels, truths, answers and parts of the gap add up to the whole."""
    snap = random_snapshot(size, seed)
    shown = snap.report()
    rows, rest = class_rows(shown)
    assert rest is not None
    assert rest.label is None
    assert sum(row.count for row in (*rows, rest)) == size
    assert sum(row.support for row in (*rows, rest)) == snap.rows
    assert sum(row.predicted for row in (*rows, rest)) == snap.rows
    gap = snap["f1_micro"] - snap["f1_macro"]
    parts = [row.contribution for row in (*rows, rest) if not math.isnan(row.contribution)]
    assert math.fsum([*parts, shown.explanation.residual]) == pytest.approx(gap, abs=1e-12)
    pooled = set(snap.labels) - {row.label for row in rows}
    for name, value in zip(("precision", "recall", "f1"), rest.values, strict=True):
        assert value == snap.value(name, "micro", labels=pooled)
    by_support = sorted(snap.table().to_pylist(), key=lambda row: -row["support"])
    assert {row["label"] for row in by_support[:12]} <= {row.label for row in rows}
    assert len(rows) <= 12 + 20


def test_the_class_that_makes_the_gap_is_shown_however_small():
    """99 classes of 100 rows with recall .9, one of 2 rows with recall 0."""
    tp, fn = [90] * 99 + [0], [10] * 99 + [2]
    snap = sa.from_counts([f"{k:03}" for k in range(100)], tp, [0] * 100, fn, rows=9902)
    rows, rest = class_rows(snap.report(explain_metric="recall"))
    assert "099" in [row.label for row in rows]
    assert rest.count == 100 - len(rows)


def test_policy_words_name_what_is_undefined():
    snap = sa.from_counts(list("abcdefgh"), [1] * 2 + [0] * 6, [0] * 8, [0] * 2 + [1] * 6, rows=9)
    assert policy_words(snap.report()) == (
        "means over 8 seen classes; 0/0 counts as 0; precision undefined for 6 (c, d, e, f, g, ...)"
    )
    assert policy_words(snap.report(zero_division=math.nan)).startswith(
        "means over 8 seen classes; 0/0 leaves the mean"
    )
    assert policy_words(snap.report(over="declared", zero_division=1.0)).startswith(
        "means over 8 declared classes; 0/0 counts as 1"
    )
    assert policy_words(sa.from_confusion(["a"], [[1]]).report()) == "means over 1 seen class; 0/0 counts as 0"
    assert policy_words(snap.report(labels=["a", "z"], metrics=["f1_macro"])).startswith(
        "means over 2 given classes; 0/0"
    )


def test_dict_has_the_keys_of_the_contract():
    found = sa.from_confusion(["a", "b"], [[97, 1], [2, 0]]).to_dict(confusion=True)
    contract = {"rows", "seen", "skipped", "tallies", "policy", "metrics", "classes", "fingerprint"}
    assert contract <= set(found)
    assert found["confusion"][0] == {"y_true": "a", "y_pred": "a", "count": 97, "share": 97 / 98}
    assert found["explain"]["labels"] == ["b"]
    assert found["explain"]["sentence"].startswith("macro F1 is 0.48 below micro; 1 of 2 classes with 2 % of the rows")
    assert found["policy"]["classes_in_mean"] == 2


def test_dict_counts_every_row_once():
    acc = sa.Accumulator(labels=["a"], unknown="count")
    acc.update({"y_true": ["a", None, "z", "a"], "y_pred": pa.array(["a", "a", "a", None])})
    found = acc.snapshot().to_dict()
    assert (found["rows"], found["seen"]) == (2, 4)
    assert found["skipped"] == {"null_true": 1, "unknown_true": 1}
    assert found["tallies"] == {"unanswered": 1}


def test_labels_keep_one_type_throughout_the_dict():
    """With labels 1, 2 and x all are text, also where only 1 and 2 are named."""
    snap = sa.from_confusion(["1", "2", "x"], [[8, 0, 0], [2, 0, 0], [0, 0, 4]])
    found = snap.to_dict(metrics=["f1_macro"], labels=["1", "2"])
    named = [found["policy"]["labels"], found["explain"]["labels"], [row["label"] for row in found["classes"]]]
    named += found["policy"]["undefined"].values()
    assert {type(label) for labels in named for label in labels} == {str}


def test_errors_shown_are_wrong_answers_only():
    acc = sa.Accumulator()
    acc.update_pairs(["a", "a", "a", "b"], pa.array(["a", "b", None, "b"]), [50, 3, 4, 9])
    assert errors_shown(acc.snapshot().report(confusion=True)) == [
        ("a", "(no answer)", 4, 4 / 57),
        ("a", "b", 3, 3 / 57),
    ]
    assert errors_shown(acc.snapshot().report()) == []


def test_unknown_metrics_and_explanations_are_refused():
    snap = sa.from_confusion(["a", "b"], [[97, 1], [2, 0]])
    with pytest.raises(sa.InputError, match="did you mean"):
        snap.report(metrics=["f1_marco"])
    with pytest.raises(sa.InputError, match="mcc"):
        snap.report(explain_metric="mcc")
    with pytest.raises(sa.InputError, match="zero_division"):
        snap.report(zero_division=2)
