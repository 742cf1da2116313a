"""What is kept beside the counts: options and positions go into a state file and come back, or are refused."""

from __future__ import annotations

import json

import pytest

import streamavg as sa
from streamavg.checkpoint.kept import options_in, position_in, refuse_other_options, sources_of
from streamavg.checkpoint.writer import Checkpoint, read
from streamavg.errors import StateError
from streamavg.position import Position, Source, Span

OPTIONS = {
    "plain": {},
    "binary": {"pos_label": "yes", "labels": ["no", "yes"]},
    "closed": {"labels": ["a", "b"], "unknown": "count", "null_pred": "abstain"},
    "columns": {"y_true": ["t1", "t2"], "y_pred": "pred_*", "task": "multilabel", "samples": False},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_accumulator_goes_on_with_its_options(tmp_path, name):
    acc = sa.Accumulator(**OPTIONS[name])
    acc.save(tmp_path / "acc.sav")
    back = sa.Accumulator.resume(tmp_path / "acc.sav")
    assert back._options == acc._options
    assert back.snapshot() == acc.snapshot()


def test_resuming_equals_never_having_stopped(tmp_path):
    halves = [{"y_true": ["a", "b", None], "y_pred": ["a", "a", "b"]}, {"y_true": ["c"], "y_pred": [None]}]
    whole, first = sa.Accumulator(), sa.Accumulator()
    for half in halves:
        whole.update(half)
    first.update(halves[0])
    first.save(tmp_path / "acc.sav")
    back = sa.Accumulator.resume(tmp_path / "acc.sav")
    back.update(halves[1])
    assert back.snapshot() == whole.snapshot()
    back.save(tmp_path / "acc.sav")
    assert sa.load(tmp_path / "acc.sav") == whole.snapshot()
    assert read(tmp_path / "acc.sav.1").state.seen == 3


def test_a_snapshots_file_can_be_gone_on_with(tmp_path):
    snap = sa.from_confusion(["no", "yes"], [[5, 1], [2, 7]], pos_label="yes")
    snap.save(tmp_path / "snap.sav")
    back = sa.Accumulator.resume(tmp_path / "snap.sav")
    back.update({"y_true": ["yes"], "y_pred": ["no"]})
    assert back.snapshot() == sa.from_confusion(["no", "yes"], [[5, 1], [3, 7]], pos_label="yes")


def test_positions_come_back(tmp_path):
    log = Source("log.jsonl", "jsonl", 90, "0" * 32)
    position = Position.of([(log, [Span(0, 0, 30, (0, 30))], "1" * 32)])
    with Checkpoint(tmp_path / "run.sav") as file:
        file.save(sa.Snapshot().state, sources_of(position, None))
    assert position_in(read(tmp_path / "run.sav")) == position
    with Checkpoint(tmp_path / "none.sav") as file:
        file.save(sa.Snapshot().state, {})
    assert position_in(read(tmp_path / "none.sav")) == Position()


GOOD = sa.Accumulator()._options.to_json()
BAD = {
    "not a mapping": 7,
    "one missing": {name: value for name, value in GOOD.items() if name != "task"},
    "one too many": {**GOOD, "confusion": True},
    "a column that is no text": {**GOOD, "y_true": {"a": 1}},
    "columns that are no texts": {**GOOD, "y_pred": ["a", 1]},
    "labels that are no texts": {**GOOD, "labels": [1]},
    "samples that is no truth value": {**GOOD, "samples": 1},
    "a task that is no text": {**GOOD, "task": ["binary"]},
}


@pytest.mark.parametrize("name", BAD)
def test_options_that_cannot_be_are_refused(tmp_path, name):
    with Checkpoint(tmp_path / "run.sav") as file:
        file.save(sa.Snapshot().state, json.loads(json.dumps({"options": BAD[name]})))
    with pytest.raises(StateError, match=r"run\.sav"):
        options_in(read(tmp_path / "run.sav"))
    with pytest.raises(StateError, match=r"run\.sav"):
        sa.Accumulator.resume(tmp_path / "run.sav")


def test_labels_that_may_grow_need_not_be_the_same(tmp_path):
    first = sa.Accumulator(labels=["a", "b"])
    first.save(tmp_path / "run.sav")
    refuse_other_options(read(tmp_path / "run.sav"), sa.Accumulator(labels=["c"])._options)
    with pytest.raises(StateError, match="unknown was 'grow' then and is 'count' now"):
        refuse_other_options(read(tmp_path / "run.sav"), sa.Accumulator(labels=["a"], unknown="count")._options)
