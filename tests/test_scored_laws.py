"""The laws for rows with scores, through the public API: any split, order, route, type and form is the same state."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.checkpoint.wire import from_bytes, to_bytes
from tests.scored import FORMS, TRUTHS, made, reads, rows_with_scores, seeds, tasks, weighings
from tests.strategies import OFFERS, scaled

ZERO = sa.Snapshot()


def tree(rng, parts):
    """The sum of snapshots in any order and by any tree."""
    parts = [parts[k] for k in rng.permutation(len(parts))]
    while len(parts) > 1:
        k = int(rng.integers(len(parts) - 1))
        parts[k : k + 2] = [parts[k] + parts[k + 1]]
    return parts[0]


def pieces(rng, rows):
    """The rows in a random order, cut in some pieces."""
    return [rows.at(piece) for piece in np.array_split(rng.permutation(len(rows)), int(rng.integers(1, 6)))]


def readable(snap):
    """Everything that a report says of the metrics, hints included."""
    return {name: (snap[name], snap.interval(name)) for name in snap.metrics()}


@given(rows_with_scores())
def test_any_split_order_and_tree(case):
    rows, rng = case
    whole, parts = rows.counted(), pieces(rng, rows)
    total = tree(rng, [part.counted() for part in parts])
    acc = rows.accumulator()
    for part in parts:
        acc.update(part.table(rng))
    assert total.fingerprint() == whole.fingerprint() == acc.snapshot().fingerprint()
    assert (total.rows, total.skipped, total.tallies) == (whole.rows, whole.skipped, whole.tallies)
    assert repr(readable(total)) == repr(readable(whole)) == repr(readable(acc.snapshot()))


@scaled(2)
@given(rows_with_scores(), st.sampled_from(FORMS), st.sampled_from(TRUTHS), st.sampled_from(["f4", "f8"]), st.data())
def test_any_form_and_offer(case, form, true, kind, data):
    rows, rng = case
    true = "text" if rows.options.get("unknown") else true
    acc = rows.accumulator(**reads(rows, form, true))
    for part in pieces(rng, rows):
        acc.update(data.draw(st.sampled_from(OFFERS))(part.table(rng, kind, form, true)))
    assert acc.snapshot().fingerprint() == rows.counted().fingerprint()


@given(rows_with_scores())
def test_retraction_leaves_what_was_kept(case):
    rows, rng = case
    gone, kept = (rows.at(half) for half in np.array_split(rng.permutation(len(rows)), 2))
    acc = rows.accumulator()
    acc.update(rows.table(rng))
    acc.retract(gone.table(rng))
    expected = kept.counted()
    assert acc.snapshot().fingerprint() == (rows.counted() - gone.counted()).fingerprint() == expected.fingerprint()
    acc.retract(kept.table(rng))
    assert acc.snapshot().fingerprint() == ZERO.fingerprint() == (expected - expected).fingerprint()


@given(rows_with_scores())
def test_a_file_holds_it_all_and_a_run_goes_on_from_it(tmp_path_factory, case):
    rows, rng = case
    path = tmp_path_factory.mktemp("state") / "s.sav"
    first, second = (rows.at(half) for half in np.array_split(np.arange(len(rows)), 2))
    acc = rows.accumulator()
    acc.update(first.table(rng))
    snap = acc.snapshot()
    back = from_bytes(to_bytes(snap.state))
    assert back.fingerprint == snap.fingerprint()
    assert repr(readable(sa.Snapshot(back))) == repr(readable(snap))
    acc.save(path)
    assert sa.load(path) == snap
    again = sa.Accumulator.resume(path)
    again.update(second.table(rng))
    assert again.snapshot() == rows.counted()
    owing = snap - rows.counted()
    assert from_bytes(to_bytes(owing.state)).fingerprint == owing.fingerprint()


@given(rows_with_scores())
def test_a_snapshot_and_a_twin_disturb_nothing(case):
    rows, rng = case
    acc, twins = rows.accumulator(), []
    parts = pieces(rng, rows)
    for part in parts:
        acc.update(part.table(rng))
        twins.append(acc._twin())
        acc.snapshot()
    assert acc.snapshot() == rows.counted()
    for k, twin in enumerate(twins):
        expected = tree(rng, [part.counted() for part in parts[: k + 1]])
        assert twin.snapshot() == expected
        twin.update(rows.table())
        assert twin.snapshot() == expected + rows.counted()
    assert acc.snapshot() == rows.counted()


@scaled(0.2)
@given(rows_with_scores(many=60))
def test_threads_lose_nothing(case):
    rows, rng = case
    acc, parts = rows.accumulator(), [part.table() for part in pieces(rng, rows)]
    running = [threading.Thread(target=acc.update, args=(part,)) for part in parts]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert acc.snapshot() == rows.counted()


# ---- layouts that meet


@scaled(0.3)
@given(seeds, tasks, weighings, st.booleans())
def test_scores_of_several_types_meet_in_one_layout_in_any_order(rng, task, weights, auto):
    """float16 has a table of its own until wider scores come; what it counted then coarsens, in any order."""
    rows = made(rng, task, 60, weights, wild=False, plain=True, losses=bool(rng.integers(2)), weight_quantum=0.0625)
    kinds = ["f2", "f4", "f8"] if auto else ["f2", "f4"]
    parts = [(part, kinds[k % len(kinds)]) for k, part in enumerate(pieces(rng, rows))]
    acc = rows.accumulator()
    for part, kind in parts:
        acc.update(part.table(rng, kind))
    found = []
    for part, kind in parts:
        alone = rows.accumulator()
        alone.update(part.table(rng, kind))
        found.append(alone.snapshot())
    assert tree(rng, found).fingerprint() == acc.snapshot().fingerprint()
    plain = rows.counted()
    if len({kind == "f2" for _, kind in parts}) > 1:
        assert acc.snapshot().fingerprint() == plain.fingerprint()
    assert {each: acc.snapshot()[each] for each in plain.metrics()} == pytest.approx(
        plain.metrics(), abs=1e-12, nan_ok=True
    )


@scaled(0.3)
@given(seeds, tasks, weighings, st.sampled_from(["f2", "f4", "i1", "u1"]))
def test_batches_without_any_score_do_not_choose_a_layout(rng, task, weights, kind):
    rows = made(rng, task, 30, weights, wild=False, plain=True, weight_quantum=0.0625)
    values = {"i1": 100, "u1": 100}.get(kind, 1)
    rows = replace(rows, scores=np.floor(rows.scores * values) if values > 1 else rows.scores)
    blank = replace(rows.at(slice(0, 5)), holes=np.ones(5, bool))
    parts = [part.table(None, kind) for part in (blank, rows, blank)]
    nothing = blank.table(None, kind)
    untyped = nothing.set_column(nothing.column_names.index("y_score"), "y_score", pa.nulls(5))
    parts.append(untyped)
    whole = rows.accumulator()
    for part in (parts[1], parts[0], parts[2], parts[3]):
        whole.update(part)
    for order in ([0, 1, 2, 3], [3, 0, 1, 2], [0, 2, 1, 3], [2, 0, 3, 1]):
        acc, found = rows.accumulator(), []
        for k in order:
            acc.update(parts[k])
            alone = rows.accumulator()
            alone.update(parts[k])
            found.append(alone.snapshot())
            assert from_bytes(to_bytes(found[-1].state)).fingerprint == found[-1].fingerprint()
        assert acc.snapshot() == whole.snapshot() == tree(rng, found)
    assert whole.snapshot().state.config.scores.startswith({"f2": "float16", "i1": "int8", "u1": "uint8"}.get(kind, ""))


@scaled(0.3)
@given(seeds, tasks, weighings)
def test_a_refused_batch_leaves_no_trace(rng, task, weights):
    """Whatever refuses a batch, early or late, neither labels nor scores of it are counted."""
    rows = made(rng, task, 20, weights, wild=False, weight_quantum=0.0625)
    good = rows.table(None, "f4")
    acc = rows.accumulator()
    acc.update(good)
    before = acc.snapshot()
    bad = [replace(rows, scores=np.floor(rows.scores * 9)).table(None, "u1")]  # any numbers, not probabilities
    if weights:
        bad += [replace(rows, weights=np.full(20, w)).table(None, "f4") for w in (-1.0, np.nan, 2.0**58, 2.0**70)]
    if task != "binary":
        bad.append(replace(rows, scores=np.zeros((20, 7)), classes=tuple("abcdefg")).table(None, "f4"))
    bad.append(good.set_column(good.column_names.index("y_score"), "y_score", pa.array(["x"] * 20)))
    for table in bad:
        for step in (acc.update, acc.retract):
            with pytest.raises((sa.InputError, sa.MismatchError, sa.CountOverflowError)):
                step(table)
            assert acc.snapshot() == before
            assert repr(readable(acc.snapshot())) == repr(readable(before))
    acc.retract(good)
    assert acc.snapshot() == ZERO


def test_scores_that_are_no_bfloat16_are_refused_before_their_labels_count():
    acc = sa.Accumulator(y_score="y_score", score_layout="bfloat16")
    good = {"y_true": [True, False], "y_score": np.array([0.5, 0.75], np.float32)}
    acc.update(good)
    before = acc.snapshot()
    for wrong in (np.array([0.1, 0.5], np.float32), np.array([0.5, 0.5])):
        with pytest.raises(sa.InputError, match="no bfloat16 number"):
            acc.update({"y_true": [True, True], "y_score": wrong})
        assert acc.snapshot() == before
    acc.update(good)
    assert acc.snapshot() == before + before
