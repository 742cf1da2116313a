"""Streams in Python: an iterator of record batches, with the columns asked for or all there are."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

import streamavg as sa

if TYPE_CHECKING:
    from pathlib import Path


def record(i: int) -> str:
    return json.dumps({"id": i, "result": {"label": f"l{i % 3}", "score": 0.5}, "y_pred": "l0"}) + "\n"


def test_paths_and_all_columns(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(record(1) + "bad\n" + record(2))
    (batch,) = sa.sources.follow(log, ["result.label", "y_pred"], until_end=True, rejects=str(tmp_path / "bad"))
    assert batch.to_pydict() == {"result.label": ["l1", "l2"], "y_pred": ["l0", "l0"]}
    kept = {"file": str(log), "at": len(record(1)), "bytes": 3, "cause": "no_json", "line": "bad"}
    assert json.loads((tmp_path / "bad").read_text()) == kept
    (batch,) = sa.sources.follow([log], ["y_pred", "result.score"], numbers=["result.score"], until_end=True)
    assert batch.to_pydict() == {"y_pred": ["l0", "l0"], "result.score": [0.5, 0.5]}
    with pytest.raises(sa.InputError, match="there is no column 'label'; the columns are: id, result"):
        list(sa.sources.follow(log, ["label"], until_end=True))


def test_batches_close_by_rows(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("".join(map(record, range(5_000))))
    sizes = [batch.num_rows for batch in sa.sources.follow(log, ["id"], until_end=True, batch_rows=500)]
    assert sum(sizes) == 5_000
    assert max(sizes[2:]) <= 550  # as many bytes as 500 rows had before


def test_it_waits_for_more_and_feeds_an_accumulator(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    acc = sa.Accumulator(y_true="result.label")

    def write() -> None:
        for i in range(20):
            with log.open("a") as file:
                file.write(record(i))
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    for batch in sa.sources.follow(log, ["result.label", "y_pred"], batch_age=0.01):
        acc.update(batch)
        if acc.snapshot().rows == 20:
            break
    writer.join()
    assert acc.snapshot() == sa.evaluate(str(log), y_true="result.label")
