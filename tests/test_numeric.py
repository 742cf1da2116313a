"""Columns of numbers in sources without types: scores and weights in JSON lines are floats, labels stay labels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa

ROWS: list[dict[str, Any]] = [
    {"y_true": "a", "y_score": [0.25, 0.75], "w": 0.5},
    {"y_true": "b", "y_score": [0, 1], "w": 2},
    {"y_true": "b", "y_score": None, "w": 1e-3},
    {"y_true": "a", "y_score": [1.0, 0.0], "w": 1},
    {"y_true": "b", "y_score": [0.5, None], "w": 3},
]
OPTIONS: dict[str, Any] = {"y_score": "y_score", "labels": ["a", "b"], "sample_weight": "w", "weight_quantum": 1e-3}


@pytest.mark.parametrize("bad", [b"", b"{\n", b'{"y_true": "a", "y_score": ["x", 1], "w": 1}\n'])
@pytest.mark.parametrize("copies", [1, 500])
def test_scores_and_weights_of_json_lines(tmp_path, copies, bad):
    path = tmp_path / "rows.jsonl"
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    path.write_bytes(lines * copies + bad + lines * copies)
    acc = sa.Accumulator(**OPTIONS)
    acc.update({name: [row[name] for row in ROWS] for name in ROWS[0]})
    one = acc.snapshot()
    read = sa.evaluate(path, **OPTIONS)
    assert read.skipped == ({"malformed": 1} if bad else {})
    assert read.rows == 2 * copies * len(ROWS)
    assert (read.matrix == 2 * copies * one.matrix).all()
    assert np.allclose(read.weighted, 2 * copies * one.weighted, rtol=1e-12)
    assert read["roc_auc_macro"] == one["roc_auc_macro"]


def test_a_column_of_labels_is_none_of_numbers(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"y_true": 1.0, "y_pred": 1}\n{"y_true": 0.5, "y_pred": 1}\n')
    assert sa.evaluate(path).skipped == {"malformed": 1}


TIMES = [1.7e9, 1700000007.25, 1700000300, "2023-11-14T22:20:00Z", "1700000000.5", None, 1e-5, 1.7e18, "no time"]


@pytest.mark.parametrize("copies", [1, 40, 2000])
@pytest.mark.parametrize("seed", range(4))
def test_times_of_json_lines(tmp_path, copies, seed):
    """Seconds with a fraction, texts, and both in any order, through every way to read a block."""
    rng, path = np.random.default_rng(seed), tmp_path / "rows.jsonl"
    some = [TIMES[:3], TIMES[3:5], TIMES, [*TIMES[:2], "2023-11-14T22:20:00Z"]][seed]
    times = [some[i] for i in rng.integers(0, len(some), 10 * copies)]
    rows = [{"y_true": f"c{i % 3}", "y_pred": "c1", "ts": time} for i, time in enumerate(times)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"window": "5m", "time": "ts"}
    acc = sa.Accumulator(**options)
    for kind in (pa.string(), pa.float64()):
        those = [row for row in rows if isinstance(row["ts"], str) == (kind == pa.string())]
        given = {name: [row[name] for row in those] for name in ("y_true", "y_pred")}
        acc.update({**given, "ts": pa.array([row["ts"] for row in those], kind)})
    assert sa.evaluate(path, **options) == acc.snapshot()


@pytest.mark.parametrize("wrong", [True, [1.0], {}])
def test_what_is_no_time_is_malformed(tmp_path, wrong):
    path = tmp_path / "rows.jsonl"
    rows = [{"y_true": "a", "y_pred": "b", "ts": time} for time in (1.5, wrong, 2.5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert sa.evaluate(path, window="5m", time="ts").skipped == {"malformed": 1}
