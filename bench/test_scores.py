"""Scores: whole evaluations in memory, rows, labels and ranks included, beside scikit-learn's roc_auc_score."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from bench import data, rivals

if TYPE_CHECKING:
    from collections.abc import Callable

RIVAL_ROWS = min(data.ROWS, 2_000_000)  # it sorts, so fewer rows are to its advantage
CLASSES = 1000
CONTESTANTS = [
    "streamavg 2 threads",
    "streamavg 1 thread",
    "streamavg 2 threads, with losses",
    "streamavg 1 thread, with losses",
    "scikit-learn",
]


def _threads(contestant: str) -> dict[str, Any]:
    return {"threads": 2 if "2 threads" in contestant else 1, "losses": "losses" in contestant}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", data.SCORES)
@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_binary(race: Callable[..., Any], shape: str, dtype: str, contestant: str) -> None:
    """ROC AUC of one score a row, from the table to the number; the exact one lies in its interval."""
    true, scores = data.scores(shape, dtype)
    group = f"ROC AUC, {shape}, {dtype}"
    if contestant == "scikit-learn":
        work = rivals.sklearn_auc(true[:RIVAL_ROWS], scores[:RIVAL_ROWS])
        value = race(group, contestant, work, RIVAL_ROWS, slow=True)
        part = pa.table({"y_true": true[:RIVAL_ROWS], "y_score": scores[:RIVAL_ROWS]})
        found = sa.evaluate(part, y_score="y_score", losses=False).interval("roc_auc")
        assert found.low - 1e-12 <= value <= found.high + 1e-12
        return
    table = pa.table({"y_true": true, "y_score": scores})
    options = _threads(contestant)
    snap = race(group, contestant, lambda: sa.evaluate(table, y_score="y_score", **options), len(true))
    found = snap.interval("roc_auc")
    assert found.low <= snap["roc_auc"] <= found.high
    assert snap.rows == len(true)


@pytest.mark.parametrize("encoding", ["int32", "dictionary"])
@pytest.mark.parametrize("contestant", CONTESTANTS[:-1])
def test_softmax(race: Callable[..., Any], encoding: str, contestant: str) -> None:
    """1,000 float32 scores a row in a fixed-size list: scores a second, argmax, ranks and label counts included."""
    true, scores = data.softmax(CLASSES)
    labels = [f"label{k:07d}" if encoding == "dictionary" else str(k) for k in range(CLASSES)]
    lists = pa.FixedSizeListArray.from_arrays(pa.array(scores.reshape(-1)), CLASSES)
    table = pa.table({"y_true": data.encoded(true, CLASSES, encoding), "y_score": lists})
    options = {**_threads(contestant), "labels": labels}
    snap = race(
        f"softmax, {CLASSES:,} classes, {encoding}",
        contestant,
        lambda: sa.evaluate(table, y_score="y_score", **options),
        scores.size,
    )
    assert snap["accuracy"] == pytest.approx(float((scores.argmax(axis=1) == true).mean()), abs=1e-12)


WEIGHTS: dict[str, Callable[[Any, int], Any]] = {
    "none": lambda rng, rows: None,
    "int": lambda rng, rows: rng.integers(0, 10, rows),
    "float": lambda rng, rows: np.round(rng.random(rows), 3),
}


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("what", ["labels", "scores"])
def test_weights(race: Callable[..., Any], what: str, weights: str) -> None:
    """What a column of weights costs, one thread: of int32 labels, C = 10, and of binary scores."""
    rows = max(data.ROWS // 5, 1000)
    column = WEIGHTS[weights](np.random.default_rng(2), rows)
    columns: dict[str, Any]
    options: dict[str, Any]
    if what == "labels":
        true, pred = (codes[:rows] for codes in data.codes(10, True))
        columns, options, metric = {"y_true": true, "y_pred": pred}, {}, "accuracy"
        expected: float = np.average(true == pred, weights=column)
    else:
        true, pred = (each[:rows] for each in data.scores("uniform", "float32"))
        columns, metric = {"y_true": true, "y_score": pred}, "accuracy"
        options = {"y_score": "y_score", "losses": False, "weight_quantum": 0.001 if weights == "float" else None}
        expected = np.average(true == (pred >= 0.5), weights=column)
    if column is not None:
        columns, options = {**columns, "w": column}, {**options, "sample_weight": "w"}
    table = pa.table(columns)
    name = f"streamavg {weights} weights"
    value = race(f"weights, {what}", name, lambda: sa.evaluate(table, threads=1, **options)[metric], rows)
    assert value == pytest.approx(expected, abs=1e-12)


PEAK = """
import sys
import numpy as np, pyarrow as pa
import streamavg as sa
rng = np.random.default_rng(1)
def batches():
    for _ in range(int(sys.argv[1])):
        scores = rng.random(1 << 16, dtype=np.float32)
        yield pa.record_batch({"y_true": rng.random(1 << 16) < scores, "y_score": scores})
first = pa.record_batch({"y_true": [True], "y_score": pa.array([0.5], pa.float32())})
snap = sa.evaluate(pa.RecordBatchReader.from_batches(first.schema, batches()), y_score="y_score")
assert snap.rows == int(sys.argv[1]) << 16
with open("/proc/self/status") as status:  # ru_maxrss would begin with what the parent had
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def test_memory(report: Callable[[str], None], benchmark: Any) -> None:
    """Ten times the rows of a stream in the same memory."""
    few = max(data.ROWS // 10 >> 16, 4)

    def peak(batches: int) -> int:
        made = subprocess.run([sys.executable, "-c", PEAK, str(batches)], capture_output=True, text=True, check=True)
        return int(made.stdout) * 1024

    small = peak(few)
    large = benchmark.pedantic(lambda: peak(10 * few), rounds=1)
    report(f"memory of scores: {small / 1e6:.0f} MB at {few << 16:,} rows, {large / 1e6:.0f} MB at {10 * few << 16:,}")
    assert large < 1.1 * small + (8 << 20)
