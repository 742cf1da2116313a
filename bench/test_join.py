"""Predictions joined with truths that come later: records a second, beside a dictionary that does the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from bench import data
from streamavg.join import JoinBuffer

if TYPE_CHECKING:
    from collections.abc import Callable

PAIRS, BATCH = max(data.ROWS // 50, 1000), 1 << 16


@pytest.fixture(scope="module")
def records() -> list[pa.RecordBatch]:
    """Ids of 36 characters, labels of 50 classes; a truth comes up to 400,000 records after its prediction."""
    rng = np.random.default_rng(0)
    came = np.concatenate([np.arange(PAIRS), np.arange(PAIRS) + rng.integers(1, max(PAIRS * 2 // 5, 2), PAIRS)])
    order = np.argsort(came, kind="stable")
    ids = np.array([f"{i:036d}" for i in range(PAIRS)], object)[order % PAIRS]
    labels = np.array([f"c{i}" for i in rng.integers(0, 50, 2 * PAIRS)], object)
    is_truth, nothing = np.arange(2 * PAIRS) >= PAIRS, np.full(2 * PAIRS, None)
    true, pred = (np.where(which, labels, nothing)[order] for which in (is_truth, ~is_truth))
    columns = [pa.array(column, pa.string()) for column in (ids, true, pred)]
    table = pa.Table.from_arrays(columns, names=["id", "y_true", "y_pred"])
    batches: list[pa.RecordBatch] = table.to_batches(max_chunksize=BATCH)
    return batches


def ours(batches: list[pa.RecordBatch]) -> int:
    """The number of pairs."""
    buffer = JoinBuffer("id", "1e6")
    return sum(pairs.num_rows for batch in batches for pairs in buffer.join(batch))


def plain(batches: list[pa.RecordBatch]) -> int:
    """The same by a dictionary, without a limit."""
    held: dict[str, Any] = {}
    rows = 0
    for batch in batches:
        found = []
        for name, true, pred in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            other = held.pop(name, None)
            if other is None:
                held[name] = (true, pred)
            else:
                found.append((true or other[0], pred or other[1]))
        rows += len(pa.array([true for true, _ in found]))
    return rows


@pytest.mark.parametrize("contestant", ["streamavg", "a dictionary"])
def test_join(race: Callable[..., Any], records: list[pa.RecordBatch], contestant: str) -> None:
    """At least 1,000,000 records a second."""
    work = ours if contestant == "streamavg" else plain
    assert race(f"join of {2 * PAIRS:,} records", contestant, lambda: work(records), 2 * PAIRS) == PAIRS
