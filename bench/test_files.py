"""Files to a snapshot: warm `sa.evaluate` beside DuckDB's and Polars' warm GROUP BY of the same file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import streamavg as sa
from bench import data, rivals

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 2 * data.ROWS  # 100,000,000 unless BENCH_ROWS says otherwise
TEXT_ROWS = max(data.ROWS // 25, 100)


CONTESTANTS: dict[str, Callable[[str], Callable[[], Any]]] = {
    "streamavg": lambda path: lambda: sa.evaluate(path).confusion(),
    "duckdb": rivals.duckdb_file,
    "polars": rivals.polars_file,
}


@pytest.mark.parametrize("encoding", ["dictionary", "int32"])
@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_parquet(race: Callable[..., Any], folder: Path, encoding: str, contestant: str) -> None:
    """Two label columns of 100 classes in row groups of 1,000,000 rows."""
    path = data.parquet(folder, 100, encoding, ROWS)
    kind = "strings" if encoding == "dictionary" else encoding
    counted = race(f"Parquet, {kind}, {ROWS:,} rows", contestant, CONTESTANTS[contestant](path), ROWS)
    assert rivals.pairs(counted) == rivals.pairs(rivals.duckdb_file(path)())


@pytest.fixture(scope="session")
def lines(folder: Path) -> str:
    """JSON lines with two label fields and two others."""
    path = folder / "lines.jsonl"
    true, pred = data.codes(100, True, TEXT_ROWS)
    with path.open("w", encoding="utf-8") as file:
        for row, (t, p) in enumerate(zip(true.tolist(), pred.tolist(), strict=True)):
            record = {"id": row, "y_true": f"label{t}", "y_pred": f"label{p}", "model": "m1"}
            file.write(json.dumps(record) + "\n")
    return str(path)


def _polars_lines(path: str) -> Callable[[], Any]:
    import polars

    query = polars.scan_ndjson(path).group_by("y_true", "y_pred").agg(polars.len().alias("count"))
    return query.collect


def _duckdb_lines(path: str) -> Callable[[], Any]:
    import duckdb

    connection = duckdb.connect()
    return lambda: connection.sql(rivals.QUERY.format(f"read_json('{path}')")).to_arrow_table()


LINES: dict[str, Callable[[str], Callable[[], Any]]] = {
    "streamavg": CONTESTANTS["streamavg"],
    "polars scan_ndjson": _polars_lines,
    "duckdb read_json": _duckdb_lines,
}


@pytest.mark.parametrize("contestant", LINES)
def test_json_lines(race: Callable[..., Any], lines: str, contestant: str) -> None:
    """JSON lines with fields nobody asked for."""
    counted = race(f"JSON lines, {TEXT_ROWS:,} rows", contestant, LINES[contestant](lines), TEXT_ROWS)
    assert rivals.pairs(counted) == rivals.pairs(_duckdb_lines(lines)())
