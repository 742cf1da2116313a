"""The gap between micro and macro: the parts sum to it, the classes named are the fewest, the texts read well."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import streamavg as sa
from streamavg.derive.catalogue import METRICS
from streamavg.derive.explain import explain, percent, roles, sentence
from streamavg.derive.policy import Policy

RATIOS = [name for name, metric in METRICS.items() if metric.kind == "ratio"]
DIVISIONS = st.sampled_from([0.0, 1.0, math.nan])


def found(snap, metric, **policy):
    return explain(snap.state, metric, Policy.of(**policy))


CELL = st.integers(0, 3) | st.integers(0, 1000)


@st.composite
def snapshots(draw):
    """Counts of up to six labels; some are never true, some never answered, some neither."""
    cells = draw(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=6))
    rows = max(map(sum, cells)) + draw(st.integers(0, 500))
    return sa.from_counts([f"c{k}" for k in range(len(cells))], *zip(*cells, strict=True), rows=rows)


POLICIES = st.sampled_from([{}, {"over": "declared"}, {"over": "supported"}, {"labels": ["c1", "c0", "c9"]}])


@settings(deadline=None)
@given(snapshots(), POLICIES, DIVISIONS)
def test_contributions_and_residual_sum_to_the_gap(snap, policy, zero_division):
    policy = policy | {"zero_division": zero_division}
    for name in RATIOS:
        about = found(snap, name, **policy)
        gap = snap.value(name, "micro", **policy) - snap.value(name, "macro", **policy)
        if math.isnan(gap):
            assert math.isnan(about.gap)
            continue
        assert math.fsum([*about.contribution, about.residual]) == pytest.approx(gap, abs=1e-12), name
        assert about.gap == pytest.approx(gap, abs=1e-15)
        if not about.pooled_only:
            assert about.residual == pytest.approx(0, abs=1e-12), name
        assert math.fsum(about.weight) == pytest.approx(1) or not any(about.weight)


@settings(deadline=None)
@given(snapshots(), st.sampled_from(["precision", "recall", "f1", "specificity"]))
def test_contributions_are_what_the_definition_says(snap, name):
    """(w_c - 1/C) (m_c - sum w m) in fractions, for metrics whose cells are written out here."""
    parts = {}
    for label, (tp, fp, fn, tn) in zip(snap.labels, snap.matrix.tolist(), strict=True):
        if tp + fp + fn:  # seen
            parts[label] = {
                "precision": (tp, tp + fp),
                "recall": (tp, tp + fn),
                "f1": (2 * tp, 2 * tp + fp + fn),
                "specificity": (tn, tn + fp),
            }[name]
    total = sum(below for _, below in parts.values())
    assume(total)
    values = {label: Fraction(top, below) if below else Fraction(0) for label, (top, below) in parts.items()}
    centre = Fraction(sum(top for top, _ in parts.values()), total)
    about = found(snap, name)
    assert set(about.labels) == set(parts)
    for label, weight, value, contribution in zip(
        about.labels, about.weight, about.value, about.contribution, strict=True
    ):
        w = Fraction(parts[label][1], total)
        assert (weight, value) == pytest.approx((float(w), float(values[label])), abs=1e-15)
        exact = (w - Fraction(1, len(parts))) * (values[label] - centre)
        assert contribution == pytest.approx(float(exact), abs=1e-14), label


@settings(deadline=None)
@given(snapshots(), POLICIES, st.sampled_from(RATIOS))
def test_the_named_classes_are_the_fewest_that_make_80_percent(snap, policy, name):
    about = found(snap, name, **policy)
    gap = about.gap
    assume(abs(gap) > 1e-6)
    parts = [c / gap for c in about.contribution]  # positive: pushes the way of the gap
    assert parts == sorted(parts, reverse=True)
    assume(all(abs(sum(parts[:k]) - 0.8) > 1e-9 for k in range(len(parts) + 1)))
    sizes = [k for k in range(1, len(parts) + 1) if any(sum(chosen) >= 0.8 for chosen in combinations(parts, k))]
    assert about.makers == (sizes[0] if sizes else sum(part > 0 for part in parts))


def test_no_gap_is_made_by_no_class():
    about = found(sa.from_counts(list("abc"), [40, 40, 40], [0] * 3, [0] * 3, rows=200), "recall")
    assert (about.gap, about.makers) == (0.0, 0)


# ---- the texts, each worked by hand


ROWS = [  # recall: 97/98 and 0/2; micro 0.97, macro 0.4949; b alone gives (0.02 - 1/2)(0 - 0.97) = 0.4656 of 0.4751
    (
        [[97, 1], [2, 0]],
        "macro recall is 0.48 below micro; 1 of 2 classes with 2 % of the rows makes 98 % of that: b",
        "Rare and below micro: b.",
    ),
    # 50/100 and 2/2: micro 52/102, macro 0.75; b gives (2/102 - 1/2)(1 - 52/102) = -0.2355 of -0.2402
    (
        [[50, 50], [0, 2]],
        "macro recall is 0.24 above micro; 1 of 2 classes with 2 % of the rows makes 98 % of that: b",
        "Rare and above micro: b.",
    ),
    # 80/80, 5/10, 5/10: micro 0.9, macro 2/3; a gives (0.8 - 1/3) 0.1 = 0.0467, b and c (0.1 - 1/3)(-0.4) = 0.0933
    # each: exactly 80 %, which is enough
    (
        [[80, 0, 0], [5, 5, 0], [0, 5, 5]],
        "macro recall is 0.23 below micro; 2 of 3 classes with 20 % of the rows make 80 % of that: b, c",
        "Rare and below micro: b, c.",
    ),
    # 60/60, 10/20, 16/20: micro 0.86, macro 0.7667, gap 0.0933; b gives (0.2 - 1/3)(-0.36) = 0.048,
    # a (0.6 - 1/3) 0.14 = 0.0373
    (
        [[60, 0, 0], [10, 10, 0], [4, 0, 16]],
        "macro recall is 0.09 below micro; 2 of 3 classes with 80 % of the rows make 91 % of that: b, a",
        "Rare and below micro: b; common and above micro: a.",
    ),
    ([[9, 0], [0, 1]], "micro and macro recall agree (1.000 and 1.000)", ""),
    ([[498, 2], [2, 498]], "micro and macro recall agree (0.996 and 0.996)", ""),
]


@pytest.mark.parametrize(("matrix", "said", "kinds"), ROWS)
def test_sentences(matrix, said, kinds):
    about = found(sa.from_confusion(list("abc")[: len(matrix)], matrix), "recall")
    assert sentence(about) == said
    assert roles(about) == kinds


def test_the_names_of_f_scores_are_capitals_and_others_are_not():
    snap = sa.from_confusion(["a", "b"], [[3, 0], [0, 3]])
    expected = {"f1": "F1", "f0.5": "F0.5", "f2": "F2", "for": "for", "fpr": "fpr", "precision": "precision"}
    for name, shown in expected.items():
        assert sentence(found(snap, name)).startswith(f"micro and macro {shown} agree (")


def test_sentence_of_sets_speaks_of_true_labels():
    """Two labels with 90 and 10 truths, 81 and 1 found: micro .82, macro .5; the 10 give (.1 - .5)(.1 - .82) = .288."""
    snap = sa.from_counts(["x", "y"], [81, 1], [0, 0], [9, 9], rows=90)
    said = "macro recall is 0.32 below micro; 1 of 2 classes with 10 % of the true labels makes 90 % of that: y"
    assert sentence(found(snap, "recall")) == said


def test_sentence_when_classes_outside_the_mean_make_the_gap():
    snap = sa.from_confusion(["a", "b"], [[5, 5], [0, 0]])
    about = found(snap, "precision", over="supported")  # micro 5/10, macro over a alone 1
    assert about.pooled_only == ("b",)
    assert about.residual == -0.5
    assert sentence(about) == "macro precision is 0.50 above micro; most of that comes from classes outside the mean: b"


def test_sentence_of_nothing():
    empty = sa.from_confusion(["a"], [[0]])
    assert sentence(found(empty, "f1")) == "micro or macro F1 is undefined"
    assert roles(found(empty, "f1")) == ""


def test_long_lists_of_names_are_cut():
    """30 classes of which 25 have recall 0 and one row each: ten are named, and so many are counted."""
    labels = [f"c{k:02}" for k in range(30)]
    tp, fn = [200] * 5 + [0] * 25, [0] * 5 + [1] * 25
    said = sentence(found(sa.from_counts(labels, tp, [0] * 30, fn, rows=1025), "recall"))
    assert said.endswith("c05, c06, c07, c08, c09, c10, c11, c12, c13, c14, ...")
    assert "of 30 classes" in said


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.034, "3 %"),
        (0.0996, "10 %"),
        (1.5, "150 %"),
        (0.004, "0.4 %"),
        (0.0004, "0.04 %"),
        (0.00001, "under 0.01 %"),
    ],
)
def test_percent(share, text):
    assert percent(share) == text


# ---- the table


def test_table_and_its_metadata():
    snap = sa.from_confusion(["a", "b"], [[97, 1], [2, 0]])
    table = snap.explain("recall", over="supported")
    assert table.column_names == ["label", "weight", "value", "contribution"]
    assert table["label"].to_pylist() == ["b", "a"]
    assert table["weight"].to_pylist() == pytest.approx([0.02, 0.98])
    assert table["value"].to_pylist() == pytest.approx([0, 97 / 98])
    about = {key.decode(): json.loads(value) for key, value in table.schema.metadata.items()}
    assert about["metric"] == "recall"
    assert about["micro"] == snap["recall_micro"]
    assert about["macro"] == snap["recall_macro"]
    assert about["gap"] == about["micro"] - about["macro"]
    assert about["gap"] == pytest.approx(math.fsum([*table["contribution"].to_pylist(), about["residual"]]), abs=1e-12)
    assert (about["pooled_only"], about["zero_division"], about["over"]) == ([], 0.0, "supported")


def test_metadata_is_strict_json():
    table = sa.from_confusion(["a"], [[0]]).explain("f1", zero_division=math.nan)

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    about = {key.decode(): json.loads(value, parse_constant=refuse) for key, value in table.schema.metadata.items()}
    assert about["micro"] is about["macro"] is about["zero_division"] is None


def test_labels_have_one_type_whichever_are_in_the_mean():
    """The labels 1, 2 and x are text; leaving x out of the mean must not make numbers of the others."""
    snap = sa.from_confusion(["1", "2", "x"], [[3, 1, 0], [2, 1, 0], [0, 0, 0]])
    assert snap.labels == ["1", "2", "x"]
    assert snap.explain("f1")["label"].type == pa.string()


def test_undefined_classes_count_with_weight_zero_or_leave():
    snap = sa.from_counts(["a", "b"], [4, 0], [0, 0], [0, 2], rows=6)  # precision of b is 0/0
    assert snap.explain("precision")["weight"].to_pylist() == pytest.approx([0, 1])
    assert snap.explain("precision", zero_division=math.nan)["label"].to_pylist() == ["a"]


@pytest.mark.parametrize("name", ["mcc", "accuracy", "f1_weighted", "f1_samples", "f1_of_macro"])
def test_only_ratios_are_explained(name):
    with pytest.raises(sa.InputError, match=name):
        sa.from_confusion(["a"], [[1]]).explain(name)


def test_both_names_of_the_pair_are_understood():
    snap = sa.from_confusion(["a", "b"], [[97, 1], [2, 0]])
    assert snap.explain("f1_macro") == snap.explain("f1_micro") == snap.explain("f1")
    with pytest.raises(sa.InputError, match="did you mean"):
        snap.explain("f1_marco")


def test_negative_counts_are_not_explained():
    snap = sa.from_confusion(["a", "b"], [[1, 0], [0, 2]])
    with pytest.raises(sa.InputError, match="'a'"):
        (snap - snap - snap).explain("f1")


def test_order_of_ties_is_the_order_of_labels():
    snap = sa.from_confusion(list("dcba"), np.diag([5, 5, 5, 5]) + np.eye(4, dtype=int)[::-1])
    assert snap.explain("recall")["label"].to_pylist() == snap.labels
