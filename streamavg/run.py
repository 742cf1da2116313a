"""Run: the loop from sources to a snapshot, on one thread or several, each with an accumulator of its own."""

from __future__ import annotations

import os
import queue
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from streamavg.accumulator import Accumulator
from streamavg.count.inputs import SLICE, batches_of, table_or_none
from streamavg.errors import InputError
from streamavg.refining import check, memory_of, refined
from streamavg.sources import Piece, Unit, open_rest, open_units
from streamavg.worker import Worker, work_together

if TYPE_CHECKING:
    from collections.abc import Callable

    from streamavg.position import Position
    from streamavg.refining import Show
    from streamavg.snapshot import Snapshot
    from streamavg.worker import Progress

TASK_ROWS = SLICE  # rows of an in-memory table that a thread takes at once, at most
TASK_BYTES = 8 << 20  # of which a task of wide rows has at least so many
TASKS = 8  # into which a table is cut at least, unless they would be small: each costs 8 us a column


def evaluate(
    source: Any,
    *,
    threads: int | None = None,
    input_format: str | None = None,
    exact_auc: bool = False,
    exact_memory: int | str = "1GB",
    **options: Any,
) -> Snapshot:
    """Count all rows of a source and return the snapshot.

    source: a path, directory, glob, URL or a list of them, or any data that `Accumulator.update` takes. threads: how
    many count at once (None: all cores). input_format: parquet, arrow, csv, tsv or jsonl where a suffix does not tell.
    exact_auc: read the source again for roc_auc and average_precision with nothing left open (roc_auc_ovo keeps its
    bounds); a sum with other rows and a state file lose them. exact_memory: what that may take, in bytes or as a text
    such as "500MB"; with less the source is read more often. The other keywords are those of `Accumulator`. InputError
    if the data cannot be counted, or not be read again; OSError if a disk or a network fails.

    >>> evaluate({"y_true": [0, 1, 1], "y_pred": [0, 1, 0]}, pos_label=1)["recall"]
    0.5
    """
    memory = memory_of(exact_memory) if exact_auc else None
    return counted(source, input_format, threads, options, memory)


def counted(
    source: Any,
    input_format: str | None,
    threads: int | None,
    options: dict[str, Any],
    memory: int | str | None = None,
    note: Callable[[str], None] = lambda _: None,
    show: Show = lambda _: nullcontext(None),
) -> Snapshot:
    """`evaluate`, with exact areas if there is a memory for them; `note` is told what the user should know, `show`
    shows the progress of each pass.
    """
    if memory is not None:
        check(options, memory)
    work = plan(source, input_format, options, note, again=memory is not None)
    with show(work) as progress:
        first = count(work, threads, options, progress)
    return first if memory is None else refined(first, work, threads, options, memory, note, show)


def plan(
    source: Any,
    input_format: str | None,
    options: dict[str, Any],
    note: Callable[[str], None] | None = None,
    again: bool = False,
) -> list[Unit] | Any:
    """The units that threads read by themselves; data in memory that is no table is returned as it is.

    again: units always, which can be read again; InputError where they cannot.
    """
    paths = _paths(source)
    if paths is not None:
        chooser = Accumulator(**options)._options
        return open_units(paths, chooser.columns_of, input_format, note or (lambda message: None), again=again)
    if again:
        source = _readable_again(source)
    if isinstance(source, pa.RecordBatch):
        source = pa.Table.from_batches([source])
    return _slices(source) if isinstance(source, pa.Table) else source


def _readable_again(source: Any) -> Any:
    """The data as a table, or as one unit where it is another thing with a length; a stream has none."""
    table = table_or_none(source)
    if table is not None:
        return table
    name = type(source).__name__
    if not hasattr(source, "__len__"):
        raise InputError(
            f"a {name} can be read only once, and exact areas read the rows twice; give files, or a table "
            "(reader.read_all())"
        )
    return [Unit(f"the {name}", 0, None, lambda: map(Piece, batches_of(source)))]


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
    wide = TASK_BYTES * table.num_rows // max(table.nbytes, 1)  # rows with long lists of scores are few
    size = min(max(-(-table.num_rows // TASKS), min(least, max(wide, 1))), TASK_ROWS)

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
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    workers = [Worker(Accumulator(**options), progress, idle) for _ in range(threads)]
    todo: queue.SimpleQueue[Unit] = queue.SimpleQueue()
    for unit in work:
        todo.put(unit)
    work_together(workers, todo)
    total = Accumulator(**options)
    for worker in workers:
        total.merge(worker.accumulator if worker.counted is None else worker.counted)
    return total.snapshot()
