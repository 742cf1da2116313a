"""Rows that need no column of predictions count what the columns would: against both routes of the accumulator."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.count.plain_rows import PAIRS, Asked, plain_rows
from streamavg.count.score_columns import score_block

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)
TYPES = [pa.bool_(), pa.int8(), pa.uint8(), pa.int32(), pa.int64()]
floats = st.sampled_from([np.float32, np.float64])


def found(true, scores, positive="1", threshold=0.5, family="unit"):
    block = score_block([pa.array(scores)], ["y_score"], 1)
    negative = "0" if positive == "1" else "1"
    return plain_rows(true, block, family, Asked("y_true", positive, negative, threshold))


@given(seeds, st.integers(1, 30), floats, st.sampled_from(TYPES), st.sampled_from("01"), st.integers(0, 3))
def test_sums_are_those_of_rows(rng, rows, dtype, kind, positive, first):
    ones, scores = rng.integers(0, 2, rows + first), np.round(rng.random(rows + first), 1).astype(dtype)
    threshold = float(rng.choice([0.0, 0.1, 0.5, 0.7, 1.0, 2.0, -3.0]))
    true = pa.array(ones.tolist()).cast(kind).slice(first)
    ones, scores = ones[first:], scores[first:]
    plain = found(true, scores, positive, threshold)
    high = [float(score) >= threshold for score in scores]
    negative = "10"[int(positive)]
    expected = Counter((str(one), positive if above else negative) for one, above in zip(ones, high, strict=True))
    assert {pair: count for pair, count in zip(zip(*PAIRS, strict=True), plain.pairs, strict=True) if count} == expected
    assert (plain.hits == (ones == int(positive))).all()


@pytest.mark.parametrize(
    ("true", "scores"),
    [
        (pa.array([True, None]), [0.1, 0.2]),
        (pa.array([1, 2]), [0.1, 0.2]),
        (pa.array([1, -1]), [0.1, 0.2]),
        (pa.array(["1", "0"]), [0.1, 0.2]),
        (pa.array([1.0, 0.0]), [0.1, 0.2]),
        (pa.array([True, False]), [0.1, None]),
        (pa.array([True, False]), [0.1, float("nan")]),
        (pa.array([True, False]), [0.1, 1.5]),
        (pa.array([True, False]), np.array([0.1, 0.2], np.float16)),
        (pa.array([True, False]), np.array([1, 2], np.uint8)),
        (pa.array([], pa.bool_()), pa.array([], pa.float32())),
    ],
)
def test_anything_odd_is_left_to_the_other_route(true, scores):
    assert found(true, scores) is None


def test_other_labels_are_left_to_the_other_route():
    block = score_block([pa.array([0.1, 0.2])], ["y_score"], 1)
    assert plain_rows(pa.array([True, False]), block, "unit", Asked("y_true", "1", "no", 0.5)) is None


@given(seeds, st.integers(1, 40), st.sampled_from([None, "0", "1"]), st.booleans(), st.booleans())
def test_both_routes_give_one_state(rng, rows, pos_label, losses, retracts):
    """Text takes the other route, and the same labels in it give the same fingerprint, metrics and bounds."""
    ones, scores = rng.integers(0, 2, rows).astype(bool), np.round(rng.random(rows), 2)
    options = {"task": "binary", "y_score": "y_score", "pos_label": pos_label, "losses": losses, "threshold": 0.3}
    both = []
    for true in (pa.array(ones), pa.array(np.where(ones, "1", "0"))):
        acc = sa.Accumulator(**options)
        acc.update({"y_true": true, "y_score": scores})
        if retracts:
            half = {"y_true": true.slice(0, rows // 2), "y_score": scores[: rows // 2]}
            acc.retract(half)
        both.append(acc.snapshot())
    assert both[0] == both[1]
    if both[0].rows and len(set(ones[rows // 2 if retracts else 0 :])) == 2:
        assert both[0].interval("roc_auc") == both[1].interval("roc_auc")


def test_a_third_label_before_refuses_the_batch():
    acc = sa.Accumulator(task="binary", y_score="y_score", pos_label="1", labels=["0", "1"])
    acc.update({"y_true": [True, False], "y_score": [0.2, 0.7]})
    before = acc.snapshot().fingerprint()
    with pytest.raises(sa.InputError, match="two labels"):
        acc.update({"y_true": ["cat", "1"], "y_score": [0.2, 0.7]})
    assert acc.snapshot().fingerprint() == before


@given(seeds, st.lists(st.sampled_from(["update", "retract", "snapshot", "text"]), max_size=12))
def test_snapshots_between_batches(rng, steps):
    """Rows that wait to be added are in every snapshot, once; a batch of another kind comes between."""
    plain, other = (sa.Accumulator(task="binary", y_score="y_score") for _ in range(2))
    counted = [{"y_true": np.array([True, False]), "y_score": np.array([0.0, 1.0], np.float32)}]
    for acc in (plain, other):
        acc.update(counted[0])
    for step in steps:
        ones = rng.integers(0, 2, 5).astype(bool)
        batch = {"y_true": ones, "y_score": rng.choice(np.array([0, -0.0, 1, 0.25, 0.75], np.float32), 5)}
        text = {**batch, "y_true": np.where(ones, "1", "0")}
        if step == "retract" and counted:
            batch = counted.pop()
            text = {**batch, "y_true": np.where(batch["y_true"], "1", "0")}
            plain.retract(batch)
            other.retract(text)
        elif step != "snapshot":
            counted.append(batch)
            plain.update(text if step == "text" else batch)
            other.update(text)
        assert plain.snapshot() == other.snapshot() if step == "snapshot" else True
    assert plain.snapshot() == other.snapshot()
    states = plain.snapshot().state, other.snapshot().state
    assert states[0].scores.witness.tolist() == states[1].scores.witness.tolist()


def test_the_ends_of_the_unit_hold_one_score_each():
    """Of float32 scores the first slot holds 0 and the last one 1, if anything, however many others there are."""
    scores = np.array([0, -0.0, 1, 1, 1e-45, 1 - 2**-24, 0.5], np.float32)
    for picked in (scores, scores[2:], scores[4:], scores[:2]):
        acc = sa.Accumulator(y_score="y_score")
        acc.update({"y_true": np.arange(len(picked)) % 2 == 0, "y_score": picked})
        wide = sa.Accumulator(y_score="y_score")
        wide.update({"y_true": np.arange(len(picked)) % 2 == 0, "y_score": picked.astype(np.float64)})
        assert acc.snapshot().state.scores.witness.tolist() == wide.snapshot().state.scores.witness.tolist()


def test_a_twin_counts_on_its_own():
    batch = {"y_true": [True, False], "y_score": [0.2, 0.7]}
    acc = sa.Accumulator(y_score="y_score")
    for _ in range(3):
        acc.update(batch)
    twin = acc._twin()
    acc.update(batch)
    assert (twin.snapshot().rows, acc.snapshot().rows) == (6, 8)
    twin.update(batch)
    assert (twin.snapshot().rows, acc.snapshot().rows) == (8, 8)
