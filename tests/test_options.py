"""Options: what they mean for a task; what cannot be is tested where users meet it, in test_accumulator."""

from __future__ import annotations

import pytest

from streamavg.errors import InputError
from streamavg.options import Options

GIVEN = {
    "task": None,
    "labels": None,
    "pos_label": None,
    "unknown": "grow",
    "null_pred": "wrong",
    "confusion": "auto",
    "samples": True,
    "max_labels": 10,
}


def options(**given):
    return Options.checked("y_true", None, **{**GIVEN, **given})


def test_options_that_do_not_apply_to_a_task_stand_at_their_default():
    given = options(samples=False, pos_label="yes")
    assert given.task == "binary"
    assert given.resolved("binary").pos_label == "yes"
    assert given.resolved("multiclass").pos_label is None
    assert given.resolved("binary").samples
    assert not given.resolved("multilabel").samples
    assert options().resolved("binary").pos_label == "1"


def test_columns_are_chosen_in_the_order_of_declared_labels():
    given = Options.checked("true_*", "pred_*", **{**GIVEN, "labels": ["b", "a"]})
    sides = given.in_order(["pred_a", "true_a", "true_b", "pred_b"])
    assert (sides.true.columns, sides.pred.columns) == (("true_b", "true_a"), ("pred_b", "pred_a"))
    with pytest.raises(InputError, match="y_pred"):
        options().chosen(["y_true"])
