"""Watermarks against brute force: which windows are closed, which rows are late, and what a restart remembers."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg import cli
from streamavg.watermark import AHEAD, Watermark

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MINUTE = 60 * 10**6


def batch_of(times):
    return pa.record_batch({"ts": pa.array([None if t is None else t * 10**6 for t in times], pa.timestamp("us"))})


def at(seconds):
    return EPOCH + dt.timedelta(seconds=seconds)


seconds = st.one_of(st.none(), st.integers(0, 2000))


@given(st.lists(st.lists(seconds, max_size=5), max_size=12), st.sampled_from([0, 30, 60, 600]), st.data())
def test_windows_close_once_and_late_rows_are_counted(batches, lateness, data):
    mark = Watermark("ts", MINUTE, lateness * 10**6)
    newest, late, met, told = None, 0, set(), []
    for batch in batches:
        closed_before = -(10**9) if newest is None else (newest - lateness) // 60 * 60
        late += sum(t is not None and t // 60 * 60 < closed_before for t in batch)
        mark.observe(batch_of(batch))
        newest = max([t for t in batch if t is not None] + ([] if newest is None else [newest]), default=None)
        met |= {t // 60 * 60 * 10**6 for t in batch if t is not None}
        if data.draw(st.booleans()):
            told.append(mark.take_closed(met))
        if data.draw(st.booleans()):
            late_so_far = mark.tallies.get("late", 0)
            mark = Watermark("ts", MINUTE, lateness * 10**6, json.loads(json.dumps(mark.remembered)))
            mark._counts["late"] = late_so_far
        assert mark.time == (None if newest is None else at(newest - lateness))
    assert mark.tallies.get("late", 0) == late
    flat = [start for starts in told for start in starts]
    assert len(flat) == len(set(flat))
    if newest is not None:
        assert all(start + MINUTE <= (newest - lateness) * 10**6 for start in flat)
        rest = mark.take_closed(met)
        # whatever closed was told, but windows that opened when they were over already
        closed = {start for start in met if start + MINUTE <= (newest - lateness) * 10**6}
        assert {*flat, *rest} <= closed


def test_a_window_that_nobody_was_late_for_is_told():
    mark = Watermark("ts", MINUTE)
    mark.observe(batch_of([0, 61, 130]))
    assert mark.take_closed([0, MINUTE, 2 * MINUTE]) == [0, MINUTE]
    assert mark.take_closed([0, MINUTE, 2 * MINUTE]) == []
    mark.observe(batch_of([180, 5]))
    assert mark.take_closed([0, MINUTE, 2 * MINUTE, 3 * MINUTE]) == [2 * MINUTE]
    assert mark.tallies == {"late": 1}


def test_a_time_that_cannot_be_yet_closes_nothing():
    mark = Watermark("ts", MINUTE, clock=lambda: 1000.0)
    mark.observe(batch_of([999, 1000 + AHEAD // 10**6, 1001 + AHEAD // 10**6]))
    assert mark.tallies == {"ahead": 1}
    assert mark.time == at(1000 + AHEAD // 10**6)


@pytest.mark.parametrize("wrong", [[], {}, {"newest": 1}, {"newest": 1.5, "told": None}, {"newest": 2**62, "told": 0}])
def test_a_forged_watermark_is_refused(wrong):
    with pytest.raises(sa.StateError, match="holds a watermark that cannot be"):
        Watermark("ts", MINUTE, 0, wrong)


def log_of(path, rows, first=0):
    rng = np.random.default_rng(first)
    with path.open("a") as file:
        for k in range(first, first + rows):
            moment = at(k * 10 - int(rng.integers(0, 100))).isoformat()
            file.write(json.dumps({"y_true": f"c{k % 3}", "y_pred": f"c{k % 4}", "ts": moment, "place": k % 2}) + "\n")


def follow(capsys, *arguments):
    assert cli.main(["follow", *map(str, arguments), "--until-end", "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_follow_counts_windows_like_eval_and_folds_old_ones(tmp_path, capsys):
    log, saved, short = tmp_path / "a.jsonl", tmp_path / "a.sav", tmp_path / "b.sav"
    options = ["--window", "5m", "--time", "ts", "--by", "place"]
    for first in (0, 300, 600):
        log_of(log, 300, first)
        report = follow(capsys, log, *options, "--checkpoint", saved, "--batch-rows", 50)
        fold = ["--checkpoint", short, "--batch-rows", 50, "--keep-windows", 3]
        assert follow(capsys, log, *options, *fold)["rows"] == report["rows"] == first + 300
    whole = sa.evaluate(str(log), window="5m", time="ts", by="place")
    assert report["fingerprint"] == whole.fingerprint()
    assert sa.load(saved).slices == whole.slices
    kept = sa.load(short)
    assert kept.total == whole.total
    assert sum(kept.slices.values(), sa.Snapshot()) == whole.total
    assert len(kept.windows) <= 5 < len(whole.windows)
    assert kept.slices[()].rows > 0
    for key, part in kept.slices.items():
        assert not key or part == whole.slices[key]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.lists(seconds, max_size=4), st.sets(st.sampled_from("abc"))), max_size=15
    )
)
def test_a_source_that_is_behind_holds_windows_open(steps):
    mark, reached, top, each = Watermark("ts", MINUTE), None, None, {}
    for source, times, behind in steps:
        mark.observe(batch_of(times), source)
        newest = max([t for t in times if t is not None], default=None)
        if newest is not None:
            each[source] = max(each.get(source, 0), newest)
            top = newest if top is None else max(top, newest)
        each = {name: time for name, time in each.items() if name in behind}
        mark.advance(behind)
        come_to = [each.get(name) for name in behind] or [top]
        if None not in come_to:
            reached = min(come_to) if reached is None else max(reached, min(come_to))
        assert mark.time == (None if reached is None else at(reached))
