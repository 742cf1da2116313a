"""Views of windows against brute force: the rows of a stretch of time, and weights by age."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streamavg as sa
from streamavg.state.sums import Sums

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def at(minutes):
    return EPOCH + dt.timedelta(minutes=minutes)


def drawn_table(seed, task="multiclass", rows=200, weighted=False):
    rng = np.random.default_rng(seed)
    data = {
        "y_true": [f"c{k}" for k in rng.integers(0, 4, rows)],
        "y_pred": [None if k == 4 else f"c{k}" for k in rng.integers(0, 5, rows)],
        "place": [("de", "fr", None)[k] for k in rng.integers(0, 3, rows)],
        "ts": [None if k == 60 else float(k) * 60 for k in rng.integers(0, 61, rows)],
    }
    if task == "multilabel":
        for name in ("y_true", "y_pred"):
            data[name] = [[text or "c9", *(["c1"] if k % 3 else [])] for k, text in enumerate(data[name])]
    if weighted:
        data["w"] = rng.random(rows)
    return data


def only(data, kept):
    return {name: [value for value, keep in zip(values, kept, strict=True) if keep] for name, values in data.items()}


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("by", [[], ["place"]])
@pytest.mark.parametrize(("length", "end"), [("5m", None), ("20m", None), ("1h", None), ("15m", 40), ("2h", 70)])
def test_sliding_is_the_rows_of_that_time(task, by, length, end):
    data = drawn_table(len(length) + len(by), task)
    snap = sa.evaluate(data, by=by, window="5m", time="ts", task=task)
    minutes = {"5m": 5, "20m": 20, "1h": 60, "15m": 15, "2h": 120}[length]
    last = end if end is not None else max(t for t in data["ts"] if t is not None) // 300 * 5 + 5
    kept = [t is not None and last - minutes <= t / 60 < last for t in data["ts"]]
    expected = sa.evaluate(only(data, kept), by=by, task=task)
    assert snap.sliding(length, None if end is None else at(end)) == expected
    assert snap.sliding(dt.timedelta(minutes=minutes), at(last)) == expected
    assert sa.from_bytes(snap.sliding(length).to_bytes()) == snap.sliding(length)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
@pytest.mark.parametrize("by", [[], ["place"]])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("half_life", "end"), [("10m", None), ("1h", 120), ("90s", 30)])
def test_decayed_is_an_evaluation_with_weights_by_age(task, by, weighted, half_life, end):
    data = drawn_table(7, task, weighted=weighted)
    options = {"by": by, "task": task}
    snap = sa.evaluate(data, **options, window="5m", time="ts", sample_weight="w" if weighted else None)
    half = {"10m": 10, "1h": 60, "90s": 1.5}[half_life]
    last = end if end is not None else max(t for t in data["ts"] if t is not None) // 300 * 5 + 5
    kept = [t is not None and t // 300 * 5 + 5 <= last for t in data["ts"]]
    chosen = only(data, kept)
    age = [last - (t // 300 * 5 + 5) for t in chosen["ts"]]
    given_weights = chosen.get("w", [1.0] * len(age))
    chosen["w"] = [2.0 ** -(minutes / half) * weight for minutes, weight in zip(age, given_weights, strict=True)]
    expected = sa.evaluate(chosen, **options, sample_weight="w")
    found = snap.decayed(half_life, None if end is None else at(end))
    assert found.rows == expected.rows
    assert (found.matrix == expected.matrix).all()
    np.testing.assert_allclose(found.weighted, expected.weighted, rtol=1e-12, atol=1e-12)
    names = ["f1_macro", "f1_micro", "precision_weighted", *(["f1_samples"] if task == "multilabel" else ["accuracy"])]
    for name in names:
        assert found[name] == pytest.approx(expected[name], rel=1e-12)
    assert found.slices.keys() == expected.slices.keys()
    for key, part in found.slices.items():
        np.testing.assert_allclose(part.weighted, expected.slices[key].weighted, rtol=1e-12, atol=1e-12)
    back = sa.from_bytes(found.to_bytes())
    assert back == found
    assert (back + found) - found == back


def test_windows_put_places_together():
    data = drawn_table(3)
    snap = sa.evaluate(data, by=["place"], window="5m", time="ts")
    assert list(snap.windows) == sorted(snap.windows)
    for start, part in snap.windows.items():
        kept = [t is not None and at(t // 60 // 5 * 5) == start for t in data["ts"]]
        assert part == sa.evaluate(only(data, kept))
    assert snap.total == sa.evaluate(data)
    assert snap.total.slices == {}


def test_what_is_not_made_of_windows_is_refused():
    snap = sa.evaluate(drawn_table(1), window="5m", time="ts")
    with pytest.raises(sa.InputError, match="not made of whole windows of 5m"):
        snap.sliding("7m")
    with pytest.raises(sa.InputError, match="not made of whole windows"):
        snap.sliding("10m", at(3))
    for view in (lambda s: s.windows, lambda s: s.sliding("5m"), lambda s: s.decayed("5m")):
        with pytest.raises(sa.InputError, match="there are no windows"):
            view(snap.total)


def test_views_of_no_window_hold_nothing():
    snap = sa.evaluate({"y_true": [1], "y_pred": [1], "ts": [None]}, window="5m", time="ts")
    assert snap.windows == {}
    assert snap.sliding("5m").seen == snap.decayed("5m").seen == 0


@given(st.integers(-(2**63), 2**63 - 1), st.floats(0, 1))
def test_times_is_exact_but_for_the_cut(whole, factor):
    found = Sums.integer(whole).times(factor)
    (digits,) = found.integers(-4)
    cut = factor if factor == 1 else int(factor * 2**64) / 2**64
    assert digits == whole * int(cut * 2**64) * 2**64
