"""Slices with scores and weights: each is what its rows alone give, histograms, sums and intervals included."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa

ZERO = sa.Snapshot()


def drawn(task, seed, rows=240, kind=np.float64):
    rng = np.random.default_rng(seed)
    scores = rng.random((rows, 3)).round(2).astype(kind)
    data = {"place": [("de", "fr", None)[k] for k in rng.integers(0, 3, rows)], "w": rng.integers(0, 4, rows)}
    data["ts"] = rng.integers(0, 600, rows)
    if task == "binary":
        return data | {"y_true": rng.random(rows) < 0.4, "score": scores[:, 0]}
    scores /= scores.sum(axis=1, keepdims=True) + kind(1e-3)
    names = np.array(["a", "b", "c"])
    lists = pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), 3)
    truth = names[rng.integers(0, 3, rows)]
    if task == "multilabel":
        truth = pa.array([[text, *(["a"] if k % 2 else [])] for k, text in enumerate(truth)])
    return data | {"y_true": truth, "score": lists}


OPTIONS = {
    "binary": {"task": "binary"},
    "multiclass": {"labels": ["a", "b", "c"], "ovo": True},
    "multilabel": {"task": "multilabel", "labels": ["a", "b", "c"]},
}


def where(data, mask):
    table = pa.table(data)
    return table.filter(pa.array(mask))


@pytest.mark.parametrize("task", OPTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("by", [["place"], ["place", "window"]], ids=["place", "place and window"])
def test_each_slice_has_the_scores_of_its_rows(task, weighted, by):
    data = drawn(task, len(by))
    options = OPTIONS[task] | {"y_score": "score", "score_bins": 268} | ({"sample_weight": "w"} if weighted else {})
    sliced = {"by": "place"} | ({"window": "5m", "time": "ts"} if len(by) > 1 else {})
    found = sa.evaluate(pa.table(data), **options, **sliced)
    assert found.total == sa.evaluate(pa.table(data), **options)
    assert sum(found.slices.values(), ZERO) == found.total
    place, start = np.array(data["place"], object), data["ts"] // 300
    for key, one in found.slices.items():
        mask = place == key[0]
        if len(by) > 1:
            mask &= start == key[1].timestamp() // 300
        alone = sa.evaluate(where(data, mask.astype(bool)), **options)
        assert one == alone
        name = "roc_auc" if task == "binary" else "roc_auc_macro"
        assert one.interval(name) == alone.interval(name)
    assert sa.from_bytes(found.to_bytes()) == found
    assert sa.from_bytes(found.to_bytes()).slices == found.slices


@pytest.mark.parametrize("task", OPTIONS)
def test_any_cut_order_layout_and_retraction(task):
    options = OPTIONS[task] | {"y_score": "score", "by": "place", "score_bins": 268}
    wide, narrow = pa.table(drawn(task, 1)), pa.table(drawn(task, 2, kind=np.float32))
    halves = [part for table in (wide, narrow) for part in (table.slice(0, 100), table.slice(100))]
    parts = [sa.evaluate(part, **options) for part in halves]
    whole = sum(parts, ZERO)
    assert whole == sum(parts[::-1], ZERO) == (parts[2] + parts[0]) + (parts[3] + parts[1])
    assert whole - parts[1] - parts[2] == parts[0] + parts[3]
    acc = sa.Accumulator(**options)
    for part in halves:
        acc.update(part)
    assert acc.snapshot() == whole
    acc.retract(halves[2])
    assert acc.snapshot() == parts[0] + parts[1] + parts[3]
    assert ZERO - (ZERO - whole) == whole
    assert whole - whole == ZERO


def test_float16_scores_take_the_layout_of_the_others():
    table = drawn("binary", 3)
    half = table | {"score": np.float16(table["score"])}
    options = {"y_score": "score", "by": "place"}
    both = sa.evaluate(table, **options) + sa.evaluate(half, **options)
    assert sum(both.slices.values(), ZERO) == both.total
    assert {one.state.config.scores for one in both.slices.values()} == {both.state.config.scores}


def test_invalid_scores_are_skipped_in_their_slice():
    data = {"y_true": [True, False, True], "score": [0.5, 2.0, float("nan")], "c": ["a", "b", "b"]}
    found = sa.evaluate(data, y_score="score", by="c")
    assert {key: one.skipped for key, one in found.slices.items()} == {("a",): {}, ("b",): {"invalid_score": 2}}


def test_a_failed_batch_of_scores_leaves_every_slice():
    acc = sa.Accumulator(y_score="score", by="c")
    good = {"y_true": [True, False], "score": [0.5, 0.25], "c": ["a", "b"]}
    acc.update(good)
    before = acc.snapshot()
    for bad in ({"score": ["x", "y"]}, {"y_true": [[1], [2]]}, {"c": [[1], [2]]}):
        with pytest.raises(sa.InputError):
            acc.update(good | bad)
        assert acc.snapshot() == before
