"""Run: the loop from sources to a snapshot, on one thread or several, each with an accumulator of its own."""

from __future__ import annotations

import os
import queue
import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.accumulator import Accumulator
from streamavg.count.inputs import SLICE
from streamavg.errors import InputError
from streamavg.sources import Piece, Unit, open_rest, open_units
from streamavg.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamavg.position import Position
    from streamavg.snapshot import Snapshot
    from streamavg.worker import Progress

TASK_ROWS = SLICE  # rows of an in-memory table that a thread takes at once, at most
TASKS = 8  # into which a table is cut at least, unless they would be small: each costs 8 us a column


def evaluate(
    source: Any,
    *,
    threads: int | None = None,
    input_format: str | None = None,
    **options: Any,
) -> Snapshot:
    """Count all rows of a source and return the snapshot.

    source: a path, directory, glob, URL or a list of them, or any data that `Accumulator.update` takes. threads: how
    many count at once (None: all cores). input_format: parquet, arrow, csv, tsv or jsonl where a suffix does not tell.
    The other keywords are those of `Accumulator`. InputError if the data cannot be counted; OSError if a disk or a
    network fails.

    >>> evaluate({"y_true": [0, 1, 1], "y_pred": [0, 1, 0]}, pos_label=1)["recall"]
    0.5
    """
    return count(plan(source, input_format, options), threads, options)


def plan(
    source: Any, input_format: str | None, options: dict[str, Any], note: Callable[[str], None] | None = None
) -> list[Unit] | Any:
    """The units that threads read by themselves; data in memory that is no table is returned as it is."""
    paths = _paths(source)
    if paths is not None:
        chooser = Accumulator(**options)._options
        return open_units(paths, chooser.columns_of, input_format, note or (lambda message: None))
    if isinstance(source, pa.RecordBatch):
        source = pa.Table.from_batches([source])
    return _slices(source) if isinstance(source, pa.Table) else source


def plan_rest(
    source: Any,
    input_format: str | None,
    options: dict[str, Any],
    position: Position,
    note: Callable[[str], None] | None = None,
) -> tuple[list[Unit], Position]:
    """The units of files that were not counted before, for `count_saving`, and the position under today's names.

    Raises InputError for a file that has changed, and for a source that is not in files.
    """
    paths = _paths(source)
    if paths is None:
        raise InputError(f"a {type(source).__name__} has no position that could be saved; give files")
    chooser = Accumulator(**options)._options
    return open_rest(paths, chooser.columns_of, position, input_format, note or (lambda message: None))


def _paths(source: Any) -> list[str | os.PathLike[str]] | None:
    if isinstance(source, str | os.PathLike):
        return [source]
    if isinstance(source, list | tuple) and source and all(isinstance(each, str | os.PathLike) for each in source):
        return list(source)
    return None


def _slices(table: pa.Table) -> list[Unit]:
    least = TASK_ROWS // TASKS * max(table.num_columns, 2) // 2
    size = min(max(-(-table.num_rows // TASKS), least), TASK_ROWS)

    def unit(start: int) -> Unit:
        part = table.slice(start, size)
        return Unit("the table", part.num_rows, part.num_rows, lambda: map(Piece, part.to_batches(max_chunksize=SLICE)))

    return [unit(start) for start in range(0, table.num_rows, size)]


def count(
    work: list[Unit] | Any, threads: int | None, options: dict[str, Any], progress: Progress | None = None
) -> Snapshot:
    """Count units on several threads, or other data on this one; `progress(rows, bytes)` hears of each step."""
    if not isinstance(work, list):
        whole = Accumulator(**options)
        whole.update(work)
        return whole.snapshot()
    threads = min(threads or len(os.sched_getaffinity(0)), len(work)) or 1
    workers = [Worker(Accumulator(**options), progress) for _ in range(threads)]
    todo: queue.SimpleQueue[Unit] = queue.SimpleQueue()
    for unit in work:
        todo.put(unit)
    _work_together(workers, todo)
    total = Accumulator(**options)
    for worker in workers:
        if worker.counted is not None:
            total.merge(worker.counted)
    return total.snapshot()


def _work_together(workers: Sequence[Worker], todo: queue.SimpleQueue[Unit]) -> None:
    """Run all workers, the first on this thread, and raise the first error once all have stopped."""
    stop = threading.Event()
    others = [threading.Thread(target=worker.run_to_sum, args=(todo, stop), daemon=True) for worker in workers[1:]]
    for thread in others:
        thread.start()
    try:
        workers[0].run_to_sum(todo, stop)
    finally:
        stop_now = workers[0].error is not None
        if stop_now:
            stop.set()
        for thread in others:
            thread.join()
    for worker in workers:
        if worker.error is not None:
            raise worker.error
