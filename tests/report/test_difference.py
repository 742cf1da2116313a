"""Two states side by side: the values are those of each report, whatever renders them."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

import streamavg as sa
from streamavg.report.difference import difference
from streamavg.report.render import DIFFERENCES
from tests.scored import made

ONE = sa.from_confusion(["cat", "dog", "eel"], [[8, 2, 0], [1, 9, 3], [1, 0, 2]])
TWO = sa.from_confusion(["cat", "dog"], [[88, 2], [10, 9]])


def shown(one=ONE, two=TWO, **policy):
    return difference(("one.sav", "two.sav"), (one.state, two.state), **policy)


def test_metrics_are_those_of_each_state():
    found = shown().metrics
    assert {"accuracy", "cohen_kappa", "f1_macro", "recall_weighted"} <= found.keys()
    for name, (first, second) in found.items():
        assert (first, second) == (ONE[name], TWO[name])


@pytest.mark.parametrize("policy", [{"zero_division": 1.0}, {"over": "declared"}, {"zero_division": math.nan}])
def test_the_policy_is_applied(policy):
    for name, values in shown(**policy).metrics.items():
        assert repr(values) == repr((ONE.value(name, **policy), TWO.value(name, **policy)))


def test_classes_that_changed_most_come_first():
    found = shown().classes
    assert [each.label for each in found] == ["eel", "dog", "cat"]
    tables = [
        dict(zip(snap.table()["label"].to_pylist(), snap.table()["f1"].to_pylist(), strict=True)) for snap in (ONE, TWO)
    ]
    for each in found:
        expected = [table.get(each.label, 0.0) for table in tables]
        assert [side[2] for side in each.values] == expected
    assert [each.support for each in found] == [(3, 0), (13, 19), (10, 90)]
    assert [each.size for each in found] == sorted((each.size for each in found), reverse=True)


def test_classes_that_are_the_same_are_left_out():
    same = sa.from_confusion(["cat", "dog"], [[88, 2], [10, 9]])
    assert shown(TWO, same).classes == ()
    assert "equal: the same rows" in DIFFERENCES["table"](shown(TWO, same))
    assert json.loads(DIFFERENCES["json"](shown(TWO, same)))["equal"] is True


def test_counts_stand_beside_each_other():
    acc = sa.Accumulator(labels=["cat"], unknown="count")
    acc.update({"y_true": ["cat", "cat", None], "y_pred": ["cat", None, "cat"]})
    assert shown(TWO, acc.snapshot()).counts() == {
        "rows": (109, 2),
        "null_true": (0, 1),
        "unanswered": (0, 1),
        "labels": (2, 1),
    }


def test_the_json_is_strict_and_complete():
    made = json.loads(DIFFERENCES["json"](shown(zero_division=math.nan)), parse_constant=pytest.fail)
    assert (made["a"]["name"], made["a"]["rows"], made["b"]["rows"]) == ("one.sav", 26, 109)
    assert (made["a"]["fingerprint"], made["b"]["fingerprint"]) == (ONE.fingerprint(), TWO.fingerprint())
    accuracy = made["metrics"]["accuracy"]
    assert accuracy["difference"] == accuracy["b"] - accuracy["a"] == TWO["accuracy"] - ONE["accuracy"]
    (eel,) = (each for each in made["classes"] if each["label"] == "eel")
    assert eel["recall"] == {"a": 2 / 3, "b": None, "difference": None}


def test_labels_are_integers_where_all_are():
    numbers = sa.from_confusion([1, 10, 2], np.eye(3, dtype=int))
    mixed = sa.from_confusion([1, "x"], [[1, 0], [0, 1]])
    assert {type(each.label) for each in shown(numbers, numbers + numbers).classes} == {int}
    assert {type(each.label) for each in shown(numbers, mixed).classes} == {str}


def test_only_the_largest_changes_are_listed():
    one, two = (sa.from_confusion(range(40), np.eye(40, dtype=int) * k + turned) for k, turned in ((9, 1), (5, 2)))
    text = DIFFERENCES["table"](shown(one, two))
    assert "40 classes differ; the 12 that changed most:" in text
    assert len(json.loads(DIFFERENCES["json"](shown(one, two)))["classes"]) == 40


def test_wicked_names_are_written_out():
    evil = sa.from_confusion(["\x1b[2J", "a\rb"], [[1, 2], [3, 4]])
    found = difference(("\x1b.sav", "\u202eb.sav"), (evil.state, TWO.state))
    for render in DIFFERENCES.values():
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x9b\u202e]", render(found))


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(sa.InputError, match=r"two\.sav: no row was scored"):
        shown(ONE, sa.Snapshot())
    with pytest.raises(sa.InputError, match="negative counts"):
        shown(TWO - ONE, TWO)
    with pytest.raises(sa.InputError, match="no metric 'f1_makro'"):
        shown(metrics=["f1_makro"])


def scored(task, many=40, **options):
    """Rows with scores of a seed."""
    return made(np.random.default_rng(many), task, many, wild=False, score_bins=268, **options).counted()


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", ["roc_auc", "average_precision"]),
        *((task, [f"{name}_{each}" for name in ("roc_auc", "average_precision") for each in ("micro", "macro")])
          for task in ("multiclass", "multilabel")),
    ],
)  # fmt: skip
def test_metrics_of_scores_are_shown_where_both_have_them(task, names):
    one, two = scored(task), scored(task, 50)
    found = shown(one, two)
    assert [name for name in found.metrics if name.startswith(("roc", "average", "log"))] == [*names, "log_loss"]
    for name in (*names, "log_loss"):
        assert found.metrics[name] == (one[name], two[name])
        assert re.search(
            rf"^{name} +{one[name]:.4f} +{two[name]:.4f}", DIFFERENCES["table"](found).replace("│", " "), re.M
        )
        assert json.loads(DIFFERENCES["json"](found))["metrics"][name]["b"] == two[name]
    assert "log_loss" not in shown(one, scored(task, losses=False)).metrics
    assert names[0] in shown(one, scored(task, losses=False)).metrics
    assert not {*names, "log_loss"} & shown(one, ONE).metrics.keys()
