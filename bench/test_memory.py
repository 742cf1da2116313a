"""In memory: rows a second of whole updates, checks included, beside DuckDB, Polars, Arrow and scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import streamavg as sa
from bench import data, rivals

if TYPE_CHECKING:
    from collections.abc import Callable

CELLS = [
    (classes, skewed, encoding)
    for classes in (10, 100, 256)
    for skewed in (False, True)
    for encoding in ("int32", "dictionary")
]
WIDE = 1_000_000


def _name(cell: tuple[int, bool, str]) -> str:
    classes, skewed, encoding = cell
    return f"{classes} labels, {'Zipf' if skewed else 'uniform'}, {encoding}"


def _expected(cell: tuple[int, bool, str]) -> dict[tuple[Any, Any], int]:
    classes, skewed, encoding = cell
    true, pred = data.codes(classes, skewed)
    counts = np.bincount(true.astype(np.int64) * classes + pred, minlength=classes * classes)
    names: list[Any] = list(range(classes)) if encoding == "int32" else [f"label{k:07d}" for k in range(classes)]
    return {(names[k // classes], names[k % classes]): int(count) for k, count in enumerate(counts) if count}


CONTESTANTS: dict[str, Callable[[Any], Callable[[], Any]]] = {
    "streamavg 1 thread": lambda table: lambda: sa.evaluate(table, threads=1).confusion(),
    "streamavg 2 threads": lambda table: lambda: sa.evaluate(table, threads=2).confusion(),
    "duckdb 1 thread": lambda table: rivals.duckdb_table(table, 1),
    "duckdb 2 threads": lambda table: rivals.duckdb_table(table, 2),
    "polars": rivals.polars_table,
    "pyarrow group_by": rivals.pyarrow_table,
}


@pytest.mark.parametrize("cell", CELLS, ids=_name)
@pytest.mark.parametrize("contestant", CONTESTANTS)
def test_pairs(race: Callable[..., Any], cell: tuple[int, bool, str], contestant: str) -> None:
    """The C x C counts of two columns."""
    work = CONTESTANTS[contestant](data.table(*cell))
    assert rivals.pairs(race(_name(cell), contestant, work, data.ROWS)) == _expected(cell)


@pytest.mark.parametrize("classes", [10, 100, 256])
@pytest.mark.parametrize("contestant", ["streamavg 1 thread", "streamavg 2 threads", "scikit-learn", "torchmetrics"])
def test_macro_f1(race: Callable[..., Any], classes: int, contestant: str) -> None:
    """Macro F1 of int32 columns, from rows to the number."""
    true, pred = data.codes(classes, True)
    if contestant == "torchmetrics":
        pytest.importorskip("torchmetrics")
    table = pa.table({"y_true": true, "y_pred": pred})
    work: dict[str, Callable[[], Any]] = {
        "streamavg 1 thread": lambda: sa.evaluate(table, threads=1)["f1_macro"],
        "streamavg 2 threads": lambda: sa.evaluate(table, threads=2)["f1_macro"],
        "scikit-learn": lambda: rivals.sklearn_f1(true, pred)(),
        "torchmetrics": lambda: rivals.torchmetrics_f1(true, pred, classes)(),
    }
    value = race(f"macro F1, {classes} labels", contestant, work[contestant], data.ROWS, slow="scikit" in contestant)
    right, of_truth, of_answer = (np.bincount(codes, minlength=classes) for codes in (true[true == pred], true, pred))
    seen = of_truth + of_answer > 0
    assert value == pytest.approx(np.mean(2 * right[seen] / (of_truth + of_answer)[seen]), abs=1e-6)


@pytest.mark.parametrize("skewed", [False, True], ids=["uniform", "Zipf"])
@pytest.mark.parametrize("contestant", ["streamavg 1 thread", "streamavg 2 threads", "duckdb 2 threads"])
def test_a_million_labels(race: Callable[..., Any], skewed: bool, contestant: str) -> None:
    """Label x (TP, FP, FN) of 1,000,000 labels; the time to the matrix without its labels' texts is printed apart."""
    table = data.table(WIDE, skewed, "int32")
    true, pred = data.codes(WIDE, skewed)
    group = f"1,000,000 labels, {'Zipf' if skewed else 'uniform'}, int32"
    if contestant.startswith("duckdb"):
        counted = race(group, contestant, rivals.duckdb_table(table, 2), data.ROWS, slow=True)
        assert sum(rows for (t, p), rows in rivals.pairs(counted).items() if t == p) == int((true == pred).sum())
        return
    accumulators: list[sa.Accumulator] = []

    def work() -> None:
        import threading

        threads = 2 if "2" in contestant else 1
        accumulators[:] = [sa.Accumulator(max_labels=2 * WIDE) for _ in range(threads)]
        size = -(-table.num_rows // threads)
        parts = [table.slice(k * size, size) for k in range(threads)]
        running = [
            threading.Thread(target=one.update, args=(part,)) for one, part in zip(accumulators, parts, strict=True)
        ]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()

    race(group, contestant, work, data.ROWS)
    total = sum(accumulator.snapshot() for accumulator in accumulators)
    assert isinstance(total, sa.Snapshot)
    labels = np.array(total.labels)
    right = np.bincount(true[true == pred], minlength=WIDE)
    assert (total.matrix[:, 0] == right[labels]).all()
    assert total.matrix[:, :3].sum() == 2 * data.ROWS - right.sum()


@pytest.mark.parametrize("contestant", ["streamavg", "streamavg with row table", "scikit-learn"])
def test_indicators(race: Callable[..., Any], contestant: str) -> None:
    """Multilabel from packed boolean columns: labels a second."""
    labels, rows = 100, max(data.ROWS // 25, 64)
    table = data.indicator_table(labels, rows)
    if contestant == "scikit-learn":
        rows = min(rows, 50_000)
    true, pred = (
        np.column_stack([np.asarray(table[f"{side}_{k}"][:rows]) for k in range(labels)]) for side in ("true", "pred")
    )
    options: dict[str, Any] = {"y_true": "true_*", "y_pred": "pred_*", "samples": "row" in contestant}
    if contestant == "scikit-learn":
        from sklearn.metrics import f1_score

        value = race(
            "100 boolean columns", contestant, lambda: f1_score(true, pred, average="macro"), rows * labels, True
        )
    else:
        work = lambda: sa.evaluate(table, threads=1, **options)["f1_macro"]  # noqa: E731
        value = race("100 boolean columns", contestant, work, rows * labels)
    both, either = (true & pred).sum(axis=0), true.sum(axis=0) + pred.sum(axis=0)
    assert value == pytest.approx(np.mean(2 * both / np.maximum(either, 1)), abs=1e-9)


@pytest.mark.parametrize("encoding", ["int32", "dictionary"])
@pytest.mark.parametrize("contestant", ["streamavg 1 thread", "streamavg 2 threads", "scikit-learn with its binarizer"])
def test_sets(race: Callable[..., Any], encoding: str, contestant: str) -> None:
    """Multilabel from lists of ids or dictionary strings: rows a second."""
    rows = data.ROWS // 50
    table = data.set_table(100, rows, encoding)

    def sklearn() -> float:
        from sklearn.metrics import f1_score
        from sklearn.preprocessing import MultiLabelBinarizer

        true, pred = table["y_true"].to_pylist(), table["y_pred"].to_pylist()
        binarizer = MultiLabelBinarizer(sparse_output=True).fit(true + pred)
        return float(f1_score(binarizer.transform(true), binarizer.transform(pred), average="micro"))

    def ours() -> float:
        return sa.evaluate(table, threads=2 if "2" in contestant else 1, samples=False)["f1_micro"]

    group, rival = f"sets of {'ids' if encoding == 'int32' else 'dictionary strings'}", "scikit" in contestant
    value = race(group, contestant, sklearn if rival else ours, rows, slow=rival)
    true, pred = (_members(table[side].combine_chunks()) for side in ("y_true", "y_pred"))
    assert value == pytest.approx(2 * len(np.intersect1d(true, pred)) / (len(true) + len(pred)), abs=1e-12)


def _members(column: Any) -> Any:
    """The distinct (row, label) pairs of a list column, as one number each."""
    labels = column.values.indices if pa.types.is_dictionary(column.values.type) else column.values
    return np.unique(np.repeat(np.arange(len(column)), np.diff(column.offsets)) * 100 + np.asarray(labels))
