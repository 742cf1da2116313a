"""Accumulator: the one mutable object; record batches in, snapshots out, each batch whole or not at all."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.checkpoint.kept import keep, kept
from streamavg.count.inputs import SLICE, batches_of, listed_pairs, table_or_none
from streamavg.count.scoring import Scoring
from streamavg.count.selection import Chosen, Sides
from streamavg.counters import counter_for, rows_of
from streamavg.errors import CountOverflowError
from streamavg.options import Options
from streamavg.position import Position
from streamavg.snapshot import Snapshot
from streamavg.state.labels import MOST
from streamavg.state.state import State
from streamavg.unbroken import unbroken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from os import PathLike

    import pyarrow as pa

    from streamavg.count.counter import Counter
    from streamavg.state.config import Config, NullPred, Task, Unknown

    Columns = str | Sequence[str]


class Accumulator:
    """Counts (truth, prediction) rows exactly; a snapshot answers every metric at any moment.

    y_true, y_pred: the column of each, a pattern such as "true_*" or several names for indicator columns.
    task: "binary", "multiclass" or "multilabel"; None: by the type of the first truth column that holds a value.
    labels: the declared labels. pos_label: the positive label of a binary task (1 unless given).
    unknown: what a label outside `labels` does: "grow", "count" (row skipped or prediction wrong) or "error".
    null_pred: what a row without a prediction does: "wrong" (counts), "abstain" (is skipped) or "error".
    confusion: keep label pairs: "auto" (up to 512 labels), True or False. samples: keep the row table of multilabel
    data, behind samples averages and subset accuracy. sample_weight: the column of the weights of rows, which metrics
    add up then instead of rows. max_labels: refuse more labels than this. y_score: the column of scores or of lists of
    them, a pattern or several names; without y_pred they predict: the highest, or those at or above `threshold` (a
    number, one a class, or label -> number). score_layout, score_bins, ovo, losses, weight_quantum: see `Scoring`.

    Raises InputError for an option that cannot be, and from `update` for data that cannot be counted.

    >>> acc = Accumulator()
    >>> acc.update({"y_true": ["cat", "dog", "cat"], "y_pred": ["cat", "cat", "cat"]})
    >>> acc.snapshot()["recall_macro"]
    0.5
    """

    def __init__(  # noqa: PLR0913 the public contract
        self,
        y_true: Columns = "y_true",
        y_pred: Columns | None = None,
        y_score: Columns | None = None,
        sample_weight: str | None = None,
        *,
        task: Task | None = None,
        labels: Iterable[object] | None = None,
        pos_label: object = None,
        unknown: Unknown = "grow",
        null_pred: NullPred = "wrong",
        confusion: bool | str = "auto",
        samples: bool = True,
        threshold: Any = 0.5,
        score_layout: str = "auto",
        score_bins: int | None = None,
        ovo: bool = False,
        losses: bool = True,
        weight_quantum: float | None = None,
        max_labels: int = 1_000_000,
    ) -> None:
        scoring = Scoring.checked(
            y_score, threshold, score_layout, score_bins, ovo=ovo, losses=losses, quantum=weight_quantum
        )
        self._options = Options.checked(
            y_true,
            y_pred,
            task=task,
            labels=labels,
            pos_label=pos_label,
            unknown=unknown,
            null_pred=null_pred,
            confusion=confusion,
            samples=samples,
            sample_weight=sample_weight,
            scoring=None if y_score is None else scoring,
            max_labels=max_labels,
        )
        self._position, self._lock = Position(), threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget all that was counted, and the task if it was found from the data."""
        with self._lock:
            self._settle(State(self._options.resolved(self._options.task)), Position())

    @unbroken
    def _settle(self, base: State, position: Position | None = None) -> None:
        """Go on from a state, with a counter to be made for it."""
        self._base, self._position = base, self._position if position is None else position
        self._counter: Counter | None = None
        self._traffic = self._pending = 0  # rows through the counter, either way; rows in it

    def update(self, data: Any) -> None:
        """Count the rows of a record batch, a table, a reader, any Arrow PyCapsule object, or a mapping name -> array.

        All of `data` is counted or, if an error is raised, none of it.
        """
        with self._lock:
            self._apply(data, 1)

    def retract(self, data: Any) -> None:
        """Take rows away again that were counted before, here or in a state that was merged; same inputs as update."""
        with self._lock:
            self._apply(data, -1)

    def update_pairs(self, y_true: Any, y_pred: Any, count: Any) -> None:
        """Count (truth, prediction, number of rows) triples, such as a GROUP BY gives; one label a row only.

        >>> acc = Accumulator()
        >>> acc.update_pairs(["cat", "dog"], ["cat", "cat"], [2, 1])
        >>> acc.snapshot().rows
        3
        """
        table, numbers = listed_pairs(y_true, y_pred, count)
        self._options.refuse_pairs()
        with self._lock:
            self._count_listed(table, numbers)

    @unbroken
    def _count_listed(self, table: pa.Table, counts: list[int]) -> None:
        rows = sum(counts)
        self._make_room(rows, 1)
        before = self._counter
        counter = self._counter_for(Sides(Chosen(("y_true",), ()), Chosen(("y_pred",), ())), table)
        if counter is None:
            self._skip("null_true", rows)
            return
        try:
            counter.count_listed(table, np.array(counts, np.int64))
        except BaseException:
            self._counter = before
            raise
        self._traffic += rows
        self._pending += rows

    def merge(self, other: Snapshot | Accumulator) -> None:
        """Add all that another accumulator or snapshot counted.

        MismatchError if it was counted differently, or if both accumulators hold the same rows of a file.
        """
        state = (other.snapshot() if isinstance(other, Accumulator) else other).state
        position = other._position if isinstance(other, Accumulator) else Position()
        with self._lock:
            position = self._position + position
            total = self._state() + state
            if not state.is_empty:
                # an accumulator without rows would take any configuration; its own options still have to agree
                asked = self._options.resolved(self._options.task or state.config.task)
                config = (self._base.config if self._config.task else asked).joined(state.config)
                self._options.limits.check(len(total.counts.labels), None, config)
                self._settle(replace(total, config=config), position)

    def snapshot(self) -> Snapshot:
        """An immutable copy of all that was counted so far, at a batch boundary."""
        with self._lock:
            return Snapshot(self._state())

    @unbroken
    def _state(self) -> State:
        return self._base if self._counter is None else self._base + self._counter.state()

    def save(self, path: str | PathLike[str]) -> None:
        """Write counts, options and positions to a state file, whole or not at all; what it held is kept as `.1`."""
        with self._lock:
            state, position = self._state(), self._position
        keep(path, state, position, self._options)

    @classmethod
    def resume(cls, path: str | PathLike[str]) -> Accumulator:
        """An accumulator that goes on from a state file with its options; StateError if the file cannot be used."""
        options, state, position = kept(path)
        made = cls(**options)
        made.merge(Snapshot(state))
        made._position = position
        return made

    def _apply(self, data: Any, step: int) -> None:
        table = table_or_none(data)
        if table is None:
            self._apply_stream(data, step)
        else:
            self._apply_table(table, step)

    @unbroken
    def _apply_table(self, table: pa.Table, step: int) -> None:
        fresh, before, done, row = self._counter is None, self._base, [], 0
        if step > 0:
            self._refuse_beyond(table.num_rows)
        try:
            for batch in table.to_batches(max_chunksize=SLICE):
                self._count(batch, step, row)
                done.append(batch)
                row += batch.num_rows
        except BaseException:
            if fresh:
                self._settle(before)
            else:
                for batch in done:
                    self._count(batch, -step)
            raise

    def _apply_stream(self, data: Any, step: int) -> None:
        """Count a stream that can be read only once into a state of its own, added when it has ended."""
        apart = self._apart()
        row = 0
        for batch in batches_of(data):
            apart._count(batch, 1, row)
            row += batch.num_rows
        counted = apart._state()
        total = self._state() + counted if step > 0 else self._state() - counted
        self._options.limits.check(len(total.counts.labels), None, total.config)
        self._settle(total)

    def _apart(self) -> Accumulator:
        """An empty accumulator for the same columns, options and task."""
        apart = copy.copy(self)
        apart._options, apart._lock = (
            replace(self._options, task=self._config.task or self._options.task),
            threading.RLock(),
        )
        apart.reset()
        return apart

    def _twin(self) -> Accumulator:
        """A copy that counts on its own; the cheapest way to look at counts that others wait to change."""
        with self._lock:
            twin = copy.copy(self)
            twin._lock, twin._counter = threading.RLock(), self._counter and self._counter.twin()
        return twin

    def _count(self, batch: pa.RecordBatch, step: int, first_row: int = 0) -> None:
        """Count one record batch, whole or not at all; errors number its rows from `first_row`."""
        self._make_room(batch.num_rows, step)
        sides = self._options.in_order(batch.schema.names)
        rows = rows_of(batch, sides, first_row)
        counter = self._counter_for(sides, batch)
        if counter is None:
            self._skip("null_true", batch.num_rows * step)
            return
        counter.count(rows, step)
        self._traffic += batch.num_rows
        self._pending += batch.num_rows * step

    def _refuse_beyond(self, rows: int) -> None:
        if self._base.seen + self._pending + rows > MOST:
            raise CountOverflowError(f"{rows} more rows would pass 2**63 - 1; nothing was added")

    def _make_room(self, rows: int, step: int) -> None:
        """Refuse rows that would pass int64; move what was counted to the base before the counter's cells could."""
        if step > 0:
            self._refuse_beyond(rows)
        if self._traffic + rows > MOST // 2:
            self._settle(self._state())

    @property
    def _config(self) -> Config:
        return self._base.config if self._counter is None else self._counter.config

    def _counter_for(self, sides: Sides, data: Any) -> Counter | None:
        """The counter of these columns, made when the task is decided; None while truth columns hold nothing."""
        self._counter = counter_for(self._options, self._counter, self._config, sides, data)
        return self._counter

    @unbroken
    def _count_piece(self, batch: pa.RecordBatch, malformed: int = 0, first_row: int = 0) -> None:
        """Count a batch as it came from a source, with the lines that could not be read beside it."""
        with self._lock:
            for start in range(0, batch.num_rows, SLICE):
                self._count(batch.slice(start, SLICE), 1, first_row + start)
            self._skip("malformed", malformed)

    def _skip(self, cause: str, rows: int) -> None:
        """Tally rows that never reached a counter; a negative number takes them away again."""
        self._base += State(self._base.config, skipped={cause: rows} if rows else {})
