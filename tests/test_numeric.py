"""Columns of numbers in sources without types: scores and weights in JSON lines are floats, labels stay labels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
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
