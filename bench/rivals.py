"""The same counts elsewhere: each rival takes a table or file and returns {(truth, prediction): rows}."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pyarrow as pa

    Pairs = dict[tuple[Any, Any], int]

QUERY = "SELECT y_true, y_pred, count(*) FROM {} GROUP BY ALL"


def _pairs(rows: Iterable[tuple[Any, Any, int]]) -> Pairs:
    return {(true, pred): count for true, pred, count in rows}


def duckdb_table(data: pa.Table, threads: int) -> Callable[[], Pairs]:
    """DuckDB's GROUP BY over an Arrow table."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    connection.register("data", data)
    return lambda: _pairs(connection.execute(QUERY.format("data")).fetchall())


def duckdb_file(path: str) -> Callable[[], Pairs]:
    """DuckDB's GROUP BY over a Parquet file, in one warm connection."""
    import duckdb

    connection = duckdb.connect()
    return lambda: _pairs(connection.execute(QUERY.format(f"'{path}'")).fetchall())


def polars_table(data: pa.Table) -> Callable[[], Pairs]:
    """Polars' group_by over an in-memory frame."""
    import polars

    frame = polars.from_arrow(data)
    assert isinstance(frame, polars.DataFrame)
    return lambda: _pairs(frame.group_by("y_true", "y_pred").len().iter_rows())


def polars_file(path: str) -> Callable[[], Pairs]:
    """Polars' streaming group_by over a Parquet file."""
    import polars

    query = polars.scan_parquet(path).group_by("y_true", "y_pred").len()
    return lambda: _pairs(query.collect(engine="streaming").iter_rows())


def pyarrow_table(data: pa.Table) -> Callable[[], Pairs]:
    """Arrow's own group_by."""

    def run() -> Pairs:
        grouped = data.group_by(["y_true", "y_pred"]).aggregate([([], "count_all")])
        return _pairs(zip(*(grouped[name].to_pylist() for name in ("y_true", "y_pred", "count_all")), strict=True))

    return run


def sklearn_f1(true: Any, pred: Any) -> Callable[[], float]:
    """scikit-learn's macro F1."""
    from sklearn.metrics import f1_score

    return lambda: float(f1_score(true, pred, average="macro"))


def torchmetrics_f1(true: Any, pred: Any, classes: int) -> Callable[[], float]:
    """torchmetrics' macro F1, if it is installed (ImportError otherwise)."""
    import torch
    from torchmetrics.functional.classification import multiclass_f1_score

    tensors = torch.from_numpy(pred), torch.from_numpy(true)
    return lambda: float(multiclass_f1_score(*tensors, num_classes=classes, validate_args=False))
