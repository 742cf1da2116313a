"""Exact sums in a state file: they come back in their one form, and no other form is taken for them."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from streamavg.checkpoint.sum_columns import about_sums, column_names, columns_of, sums_of
from streamavg.checkpoint.wire import pack
from streamavg.errors import StateError
from streamavg.state.sums import Sums, SumTable


def weighted(task="multiclass"):
    acc = sa.Accumulator(sample_weight="w", task=task)
    sides = (["a", "b", "a"], ["a", "a", None])
    if task == "multilabel":
        sides = ([["a"], ["b", "a"], []], [["a"], [], None])
    kind = pa.list_(pa.string()) if task == "multilabel" else pa.string()
    acc.update({"y_true": pa.array(sides[0], kind), "y_pred": pa.array(sides[1], kind), "w": [0.1, 3.0, 5e-324]})
    return acc.snapshot().state


def batch_of(columns):
    texts = column_names("weighted")
    arrays = [pa.array([list(columns[name])], pa.list_(pa.string() if texts[name] else pa.int64())) for name in texts]
    return pa.record_batch(arrays, list(texts))


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_they_come_back(task):
    held = weighted(task).weighted
    back = sums_of("weighted", about_sums(held), batch_of(columns_of("weighted", held)))
    for name, table in held.tables.items():
        assert back.tables[name].keys == table.keys
        assert back.tables[name].sums == table.sums


def spoilt(columns, about):
    """One thing after the other that no writer writes."""
    yield columns | {"weighted_label": ["b", "a"]}, about
    yield columns | {"weighted_label": ["a", "a"]}, about
    yield columns | {"weighted_label_digits": list(columns["weighted_label_digits"])[:-1]}, about
    yield columns | {"weighted_named_digits": [2**31, *list(columns["weighted_named_digits"])[1:]]}, about
    yield columns | {"weighted_named_digits": [0] * len(columns["weighted_named_digits"])}, about
    low, size = about["label"]
    for wrong in ([low - 9, size], [low, size + 1], [low, -1], [True, size], [low], None, [10**9, size]):
        yield columns, about | {"label": wrong}
    yield columns, {"label": about["label"]}


def test_no_other_form_is_taken():
    held = weighted().weighted
    columns, about = columns_of("weighted", held), about_sums(held)
    cases = list(spoilt(columns, about))
    assert len(cases) == 13
    for given_columns, given_about in cases:
        with pytest.raises((ValueError, TypeError)):
            sums_of("weighted", given_about, batch_of(given_columns))


def test_sums_that_no_rows_give_are_not_saved():
    state = weighted()
    more = SumTable.of(("rows",), Sums.of(np.array([[1]]), 0))
    wrong = dataclasses.replace(state.weighted, named=state.weighted.named + more)
    with pytest.raises(StateError, match="the sums of weights are not those of any rows"):
        pack(dataclasses.replace(state, weighted=wrong))
    config = dataclasses.replace(state.config, sample_weight=False)
    with pytest.raises(StateError, match="not those of any rows"):
        pack(dataclasses.replace(state, config=config))


def test_an_accumulator_goes_on_with_its_weights(tmp_path):
    acc = sa.Accumulator(sample_weight="w")
    rows = {"y_true": ["a", "b"], "y_pred": ["a", "a"], "w": [0.1, 0.2]}
    acc.update(rows)
    acc.save(tmp_path / "half.sav")
    again = sa.Accumulator.resume(tmp_path / "half.sav")
    again.update(rows)
    acc.update(rows)
    assert again.snapshot() == acc.snapshot()
    assert again.snapshot().weighted.tolist() == acc.snapshot().weighted.tolist()
