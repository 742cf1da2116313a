"""Refining: the rows of a source once more, for the exact areas that their first count leaves open."""

from __future__ import annotations

import os
import queue
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from streamavg.accumulator import Accumulator
from streamavg.count.inputs import SLICE
from streamavg.count.refine import ENTRY, WEIGHTED_ENTRY, Refiner
from streamavg.counters import counter_for, rows_of
from streamavg.errors import InputError
from streamavg.rankings import Rankings
from streamavg.snapshot import Snapshot
from streamavg.worker import read_unit, work_together

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from streamavg.count.counter import Counter
    from streamavg.options import Options
    from streamavg.sources import Piece, Unit
    from streamavg.worker import Progress, Stop

    Show = Callable[[list[Unit]], AbstractContextManager[Progress | None]]

_WAY_OUT = "run again when nobody writes to them"
_SIZES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def memory_of(given: int | str) -> int:
    """A size in bytes, as a number or a text such as "500MB" or "2GiB"; InputError for another.

    >>> memory_of("1.5 GB")
    1500000000
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)", str(given).strip())
    size = int(float(found[1]) * _SIZES.get(found[2].upper(), 0)) if found else 0
    if size < 1:
        raise InputError(f"exact_memory is {given!r}; it must be a size such as 500MB, 1GB or 2GiB")
    return size


def check(options: dict[str, Any], memory: int | str) -> None:
    """Refuse options that have no exact areas, before any row is read. Raises InputError."""
    memory_of(memory)
    if Accumulator(**options)._options.scoring is None:
        raise InputError("exact areas are of scores; name the column that holds them with y_score (--y-score)")


def refined(
    first: Snapshot,
    work: list[Unit],
    threads: int | None,
    options: dict[str, Any],
    memory: int | str = "1GB",
    note: Callable[[str], None] = lambda _: None,
    show: Show = lambda _: nullcontext(None),
) -> Snapshot:
    """The snapshot of a first count of this work with its exact areas, by as many passes as the memory asks for.

    `note` is told how many if it is more than one, `show` shows the progress of each. Raises InputError if the rows are
    others than before, or more in a slot than the memory takes; OSError if a disk or a network fails.
    """
    rankings = Rankings(first.state)
    if rankings.layout is None:
        return first
    entry = WEIGHTED_ENTRY if first.state.config.sample_weight else ENTRY
    most = max(memory_of(memory) // entry, 1)
    runs = list(rankings.runs(most))
    if len(runs) > 1:
        note(f"the exact areas take {len(runs)} more passes over the rows within {memory} (--exact-memory)")
    for start, stop in runs:
        wanted = rankings.wanted(start, stop)
        refiner = Refiner(rankings.layout, wanted, rankings.narrow, most)
        if wanted.any():
            seen = _read(work, threads, Accumulator(**options)._options, rankings.labels, refiner, show)
            if seen != first.seen:
                raise InputError(
                    f"the rows changed between two passes: there were {first.seen:,} and now are {seen:,}; {_WAY_OUT}"
                )
        rankings.settle(start, stop, refiner.of_class)
    return Snapshot(rankings.settled(first.state))


def _read(
    work: list[Unit], threads: int | None, options: Options, labels: tuple[str, ...], refiner: Refiner, show: Show
) -> int:
    """One pass; returns the rows that were there."""
    number = min(threads or len(os.sched_getaffinity(0)), len(work)) or 1
    todo: queue.SimpleQueue[Unit] = queue.SimpleQueue()
    for unit in work:
        todo.put(unit)
    with show(work) as progress:
        readers = [Reader(options, labels, refiner, progress) for _ in range(number)]
        work_together(readers, todo)
    return sum(reader.rows for reader in readers)


class Reader:
    """Reads units on one thread and hands their scores to a refiner."""

    def __init__(self, options: Options, labels: tuple[str, ...], refiner: Refiner, progress: Progress | None) -> None:
        self.error: BaseException | None = None
        self.rows = 0
        self._options, self._refiner, self._progress = options, refiner, progress
        self._place = {label: k for k, label in enumerate(labels)}
        self._counter: Counter | None = None

    def run_to_sum(self, todo: queue.SimpleQueue[Unit], stop: Stop) -> None:
        """Read unit after unit until none is left or somebody has failed."""
        try:
            while not stop.is_set():
                read_unit(todo.get_nowait(), self._take, stop, self._progress)
        except queue.Empty:
            pass
        except BaseException as error:
            self.error = error
            stop.set()

    def _take(self, piece: Piece, row: int) -> None:
        self.rows += piece.batch.num_rows + piece.malformed
        for start in range(0, piece.batch.num_rows, SLICE):
            self._gather(piece.batch.slice(start, SLICE), row + start)

    def _gather(self, batch: Any, first_row: int) -> None:
        options = self._options
        sides = options.in_order(batch.schema.names)
        config = options.resolved(options.task) if self._counter is None else self._counter.config
        rows = rows_of(batch, sides, first_row)
        self._counter = counter_for(options, self._counter, config, sides, batch)
        scores = None if self._counter is None else self._counter.scores
        if scores is None:
            return
        read = scores.read(rows, predict=False)
        if not len(read.block.values):
            return
        codes = [self._place.get(label, -1) for label in scores.classes]
        if -1 in codes:
            raise InputError(f"the rows changed between two passes: there are scores of other classes; {_WAY_OUT}")
        self._refiner.count(read.block.values, read.codes_or_flags, read.units, codes)
