"""Slices in reports: the worst first, the same in every format, wicked names made harmless."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

import streamavg as sa
from streamavg.derive.policy import Policy
from streamavg.derive.slice_values import ENOUGH, slice_values
from streamavg.report.render import render
from tests.report.test_render import EVIL


def drawn(rows=6000, seed=1):
    rng = np.random.default_rng(seed)
    true, place = rng.integers(0, 4, rows), rng.integers(0, 20, rows)
    place[:5] = 20  # a slice with few rows
    pred = np.where(rng.random(rows) < 0.95 - 0.03 * place, true, rng.integers(0, 4, rows))
    return {"y_true": true, "y_pred": pred, "place": place, "ts": rng.integers(0, 6 * 3600, rows)}


def test_the_worst_are_those_of_sklearn_and_few_rows_are_not_ranked():
    data = drawn()
    found = sa.evaluate(data, by="place").to_dict()["slices"]
    expected = []
    for place in range(20):
        here = data["place"] == place
        true, pred = data["y_true"][here], data["y_pred"][here]
        micro, macro = (f1_score(true, pred, average=average) for average in ("micro", "macro"))
        expected.append((micro, -here.sum(), str(place), macro))
    assert (found["count"], found["few"], found["by"]) == (21, 1, ["place"])
    assert [row["key"]["place"] for row in found["worst"]] == [place for *_, place, _ in sorted(expected)[:12]]
    for row, (micro, rows, _, macro) in zip(found["worst"], sorted(expected), strict=False):
        assert row["rows"] == row["seen"] == -rows >= ENOUGH
        assert row["f1_micro"] == pytest.approx(micro)
        assert row["f1_macro"] == pytest.approx(macro)


@pytest.mark.parametrize("weighted", [False, True])
def test_newest_windows_are_listed_newest_first(weighted):
    data = drawn() | ({"w": np.ones(6000)} if weighted else {})
    options = {"by": "place", "window": "1h", "time": "ts", "sample_weight": "w" if weighted else None}
    report = sa.evaluate(data, **options).to_dict()
    assert [row["key"]["window_start"] for row in report["slices"]["newest_windows"]] == [
        f"1970-01-01T0{hour}:00:00Z" for hour in (5, 4, 3, 2, 1)
    ]
    last = sa.evaluate({name: values[data["ts"] >= 5 * 3600] for name, values in data.items()})
    assert report["slices"]["newest_windows"][0]["f1_macro"] == pytest.approx(last["f1_macro"])
    assert report["slices"]["newest_windows"][0]["rows"] == last.rows


def test_every_format_shows_the_same():
    snap = sa.evaluate(drawn(), by="place", window="1h", time="ts")
    shown = json.loads(snap.to_json())["slices"]
    worst, newest = shown["worst"][0], shown["newest_windows"][0]
    tables = snap.to_csv().split("\n\n")
    assert len(tables) == 3
    for table, row in zip(tables[1:], (worst, newest), strict=True):
        first = next(csv.DictReader(io.StringIO(table)))
        assert first == {**row["key"], **{n: str(row[n]) for n in ("rows", "f1_micro", "f1_macro")}}
    for text in (str(snap), snap.to_markdown()):
        for row in (worst, newest):
            wanted = (row["key"]["window_start"], f"{row['f1_micro']:.4f}", f"{row['f1_macro']:.4f}")
            assert any(all(part in line for part in wanted) for line in text.splitlines())
        assert "Worst slices" in text
        assert "Newest windows" in text
    assert "slices" not in snap.total.to_dict()
    assert "Worst slices" not in str(snap.total)


def test_wicked_names_are_harmless():
    names = [name for name in EVIL for _ in range(ENOUGH)]
    data = {"y_true": ["a", "b"] * (len(names) // 2), "y_pred": ["a"] * len(names), "\x1b[31m": names}
    snap = sa.evaluate(data, by="\x1b[31m")
    for text in (str(snap), snap.to_markdown(), snap.to_csv()):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "=1+1" not in [row[0] for row in csv.reader(io.StringIO(snap.to_csv())) if row]
    assert json.loads(snap.to_json())["slices"]["count"] == len(set(EVIL))


def test_slices_that_owe_rows_and_folded_ones_are_told():
    data = {"y_true": [1] * 80, "y_pred": [1] * 80, "c": ["a"] * 40 + ["b"] * 40}
    snap = sa.evaluate(data, by="c")
    moved = snap + snap - sa.evaluate({**data, "c": ["b"] * 80}, by="c")
    assert [row["key"]["c"] for row in moved.to_dict()["slices"]["worst"]] == ["a"]
    acc = sa.Accumulator(by="c", max_slices=1, fold_slices=True)
    acc.update(data)
    assert "(folded)" in str(acc.snapshot())
    assert {} in [row["key"] for row in acc.snapshot().to_dict()["slices"]["worst"]]


def test_scores_are_shown_beside():
    data = drawn() | {"score": np.random.default_rng(0).random(6000)}
    data["y_true"] = data["y_true"] % 2
    snap = sa.evaluate(data, y_score="score", by="place")
    row = snap.to_dict()["slices"]["worst"][0]
    assert row["roc_auc"] == snap.slices[(row["key"]["place"],)]["roc_auc"]


def test_chosen_metrics_are_those_of_the_slices_in_every_format():
    data = drawn()
    snap = sa.evaluate(data, by="place", window="1h", time="ts")
    asked = ["accuracy", "balanced_accuracy"]
    found = snap.to_dict(metrics=asked)["slices"]
    worst, newest = found["worst"][0], found["newest_windows"][0]
    hours = data["ts"] // 3600
    hour = dt.datetime.fromisoformat(worst["key"]["window_start"]).timestamp() // 3600
    for row, here in ((newest, hours == 5), (worst, (data["place"] == int(worst["key"]["place"])) & (hours == hour))):
        assert row["accuracy"] == pytest.approx(accuracy_score(data["y_true"][here], data["y_pred"][here]))
        assert set(row) == {"key", "rows", "seen", *asked}
    for name in ("table", "csv", "markdown"):
        text = render(snap.report(metrics=asked), name).replace("\\_", "_")
        assert f"{worst['accuracy']:.4f}"[:5] in text.partition("window_start")[2], name
    assert "worst by f1_micro" in snap.to_markdown(metrics=asked).replace("\\_", "_")
    many = [f"{name}_{average}" for name in ("precision", "recall", "f1") for average in ("micro", "macro", "weighted")]
    heads = next(line for line in render(snap.report(metrics=many), "table").splitlines() if line.startswith("place "))
    assert heads.split() == ["place", "window_start", "rows", *many]


def test_a_metric_that_no_slice_has_is_none():
    """The mean over samples is not to be had of every state."""
    snap = sa.evaluate(drawn(), by="place")
    assert math.isnan(slice_values(snap.state, Policy.of(0.0, "seen", None, True), ["f1_samples"]).worst[0].values[0])
