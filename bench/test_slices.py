"""10,000 slices of 50 labels against the same rows without slices, one call of `evaluate` each, and against DuckDB."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from bench import data

if TYPE_CHECKING:
    from collections.abc import Callable

LABELS, SLICES = 50, 10_000
GROUP = f"{SLICES:,} slices x {LABELS} labels"


@functools.lru_cache(maxsize=1)
def table() -> pa.Table:
    """Rows with a slice as int32, as a dictionary of texts, and as two dictionaries of 100 texts."""
    true, pred = data.codes(LABELS, False)
    place = np.random.default_rng(7).integers(0, SLICES, len(true), dtype=np.int32)

    def texts(codes: Any, size: int) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([f"place {k}" for k in range(size)]))

    columns = {"y_true": true, "y_pred": pred, "number": place, "text": texts(place, SLICES)}
    columns |= {"first": texts(place // 100, SLICES // 100), "second": texts(place % 100, 100)}
    return pa.table(columns)


@functools.lru_cache(maxsize=1)
def by_duckdb() -> dict[int, tuple[int, int]]:
    """Slice -> rows, and rows whose prediction is right, by DuckDB."""
    import duckdb

    connection = duckdb.connect()
    connection.register("answers", table())
    query = "select number, count(*), count(*) filter (y_true = y_pred) from answers group by number"
    return {place: (rows, right) for place, rows, right in connection.sql(query).fetchall()}


@pytest.mark.parametrize(
    "by", [[], ["number"], ["text"], ["first", "second"]], ids=lambda by: " and ".join(by) or "none"
)
def test_slices(race: Callable[..., Any], by: list[str]) -> None:
    """The time a row is to be no more than 5 times that without slices."""
    name = f"by {', '.join(by)}" if by else "streamavg without slices"
    found = race(GROUP, name, lambda: sa.evaluate(table(), by=by), len(table()))
    assert found.total == sa.evaluate(table())
    if by:
        counted = {}
        for key, state in found.state.slice_states.items():
            numbers = [int(part.rpartition(" ")[2]) for part in key]
            place = numbers[0] if len(numbers) == 1 else 100 * numbers[0] + numbers[1]
            counted[place] = (state.rows, int(state.counts.cells[:, 0].sum()))
        assert counted == by_duckdb()


def test_group_by(race: Callable[..., Any]) -> None:
    """The same counts by DuckDB's GROUP BY."""
    import duckdb

    connection = duckdb.connect()
    connection.register("answers", table())
    query = "select number, y_true, y_pred, count(*) as rows from answers group by all"
    groups = race(GROUP, "DuckDB", lambda: connection.sql(query).fetchnumpy(), len(table()), slow=True)
    assert groups["rows"].sum() == len(table())
