"""Seeded inputs for the benchmarks: label columns by number of classes, distribution and encoding."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = int(float(os.environ.get("BENCH_ROWS", "50e6")))

Codes = np.ndarray[Any, np.dtype[np.int32]]


@functools.lru_cache(maxsize=1)
def codes(classes: int, skewed: bool, rows: int = ROWS) -> tuple[Codes, Codes]:
    """Truth and prediction as int32, 85 % right; truth uniform or Zipf with exponent 1.1."""
    rng = np.random.default_rng(classes + skewed)
    if skewed:
        weight = 1 / np.arange(1, classes + 1) ** 1.1
        edges = np.cumsum(weight / weight.sum())
        true = np.minimum(np.searchsorted(edges, rng.random(rows)), classes - 1).astype(np.int32)
    else:
        true = rng.integers(0, classes, rows, dtype=np.int32)
    pred = np.where(rng.random(rows) < 0.85, true, rng.integers(0, classes, rows, dtype=np.int32))
    return true, pred


SCORES: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "uniform": lambda rng, rows: rng.random(rows),
    "rare": lambda rng, rows: 1e-4 * np.exp(rng.standard_normal(rows) / 2),
    "saturated": lambda rng, rows: np.where(rng.random(rows) < 0.2, 1.0, rng.random(rows) ** 8),
    "3 decimals": lambda rng, rows: np.round(rng.random(rows), 3),
}


@functools.lru_cache(maxsize=1)
def scores(shape: str, dtype: str, rows: int = ROWS) -> tuple[Any, Any]:
    """Truth and a score a row; of uniform scores the truth follows them, of others a score says nothing."""
    rng = np.random.default_rng(1)
    made = SCORES[shape](rng, rows)
    chance = made if shape == "uniform" else 1e-3 if shape == "rare" else 0.3
    return rng.random(rows) < chance, made.astype(dtype)


@functools.lru_cache(maxsize=1)
def softmax(classes: int) -> tuple[Any, Any]:
    """Truth as int32 and a softmax of float32 scores a row, ROWS scores in all, half of the rows right."""
    rng, rows = np.random.default_rng(1), max(ROWS // classes, 2)
    made = np.exp(3 * rng.standard_normal((rows, classes), dtype=np.float32))
    made /= made.sum(axis=1, keepdims=True)
    true = np.where(rng.random(rows) < 0.5, made.argmax(axis=1), rng.integers(0, classes, rows))
    return true.astype(np.int32), made


def encoded(values: Codes, classes: int, encoding: str) -> pa.Array:
    """The codes as int32, as a dictionary column, or as plain strings."""
    if encoding == "int32":
        return pa.array(values)
    names = pa.array([f"label{code:07d}" for code in range(classes)])
    column = pa.DictionaryArray.from_arrays(pa.array(values), names)
    return column if encoding == "dictionary" else column.cast(pa.string())


def table(classes: int, skewed: bool, encoding: str, rows: int = ROWS) -> pa.Table:
    """A table of y_true and y_pred."""
    true, pred = codes(classes, skewed, rows)
    return pa.table({"y_true": encoded(true, classes, encoding), "y_pred": encoded(pred, classes, encoding)})


def indicator_table(labels: int, rows: int) -> pa.Table:
    """true_0.. and pred_0..: packed boolean columns, 10 % set, 90 % agreement."""
    rng = np.random.default_rng(labels)
    columns = {}
    for label in range(labels):
        true = rng.random(rows) < 0.1
        columns[f"true_{label}"] = true
        columns[f"pred_{label}"] = true ^ (rng.random(rows) < 0.1)
    return pa.table(columns)


def set_table(labels: int, rows: int, encoding: str) -> pa.Table:
    """Sets of up to five label ids or dictionary strings a row."""
    rng = np.random.default_rng(labels)

    def column() -> pa.Array:
        ends = np.concatenate(([0], np.cumsum(rng.integers(0, 6, rows)))).astype(np.int32)
        return pa.ListArray.from_arrays(
            ends, encoded(rng.integers(0, labels, ends[-1], dtype=np.int32), labels, encoding)
        )

    return pa.table({"y_true": column(), "y_pred": column()})


def parquet(folder: Path, classes: int, encoding: str, rows: int) -> str:
    """A Parquet file with row groups of 1,000,000 rows and one dictionary throughout, written once."""
    import pyarrow.parquet as pq

    path = folder / f"{encoding}-{classes}-{rows}.parquet"
    if not path.exists():
        pq.write_table(table(classes, True, encoding, rows), path, row_group_size=1_000_000)
    return str(path)
