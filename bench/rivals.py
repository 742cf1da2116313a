"""The same counts elsewhere: each rival takes a table or file and returns its own kind of table, a row a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    Pairs = dict[tuple[Any, Any], int]

QUERY = "SELECT y_true, y_pred, count(*) AS count FROM {} GROUP BY ALL"


def pairs(table: Any) -> Pairs:
    """{(truth, prediction): rows} of an Arrow table or a Polars frame; outside the clock, 65,536 pairs take 60 ms."""
    columns = table.to_pydict() if hasattr(table, "to_pydict") else table.to_dict(as_series=False)
    return dict(zip(zip(columns["y_true"], columns["y_pred"], strict=True), columns["count"], strict=True))


def duckdb_table(data: pa.Table, threads: int) -> Callable[[], pa.Table]:
    """DuckDB's GROUP BY over an Arrow table."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    connection.register("data", data)
    return lambda: connection.sql(QUERY.format("data")).to_arrow_table()


def duckdb_file(path: str) -> Callable[[], pa.Table]:
    """DuckDB's GROUP BY over a Parquet file, in one warm connection."""
    import duckdb

    connection = duckdb.connect()
    return lambda: connection.sql(QUERY.format(f"'{path}'")).to_arrow_table()


def polars_table(data: pa.Table) -> Callable[[], Any]:
    """Polars' group_by over an in-memory frame."""
    import polars

    frame = polars.from_arrow(data)
    assert isinstance(frame, polars.DataFrame)
    return lambda: frame.group_by("y_true", "y_pred").agg(polars.len().alias("count"))


def polars_file(path: str) -> Callable[[], Any]:
    """Polars' streaming group_by over a Parquet file."""
    import polars

    query = polars.scan_parquet(path).group_by("y_true", "y_pred").agg(polars.len().alias("count"))
    return lambda: query.collect(engine="streaming")


def pyarrow_table(data: pa.Table) -> Callable[[], pa.Table]:
    """Arrow's own group_by."""
    names = ["y_true", "y_pred", "count"]
    return lambda: data.group_by(names[:2]).aggregate([([], "count_all")]).rename_columns(names)


def sklearn_f1(true: Any, pred: Any) -> Callable[[], float]:
    """scikit-learn's macro F1."""
    from sklearn.metrics import f1_score

    return lambda: float(f1_score(true, pred, average="macro"))


def sklearn_auc(true: Any, scores: Any) -> Callable[[], float]:
    """scikit-learn's ROC AUC, exact."""
    from sklearn.metrics import roc_auc_score

    return lambda: float(roc_auc_score(true, scores))


def torchmetrics_f1(true: Any, pred: Any, classes: int) -> Callable[[], float]:
    """torchmetrics' macro F1, if it is installed (ImportError otherwise)."""
    import torch
    from torchmetrics.functional.classification import multiclass_f1_score

    tensors = torch.from_numpy(pred), torch.from_numpy(true)
    return lambda: float(multiclass_f1_score(*tensors, num_classes=classes, validate_args=False))
