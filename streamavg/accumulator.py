"""Accumulator: the one mutable object; record batches in, snapshots out, each batch whole or not at all."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streamavg.checkpoint.kept import keep, kept
from streamavg.count.inputs import SLICE, batches_of, listed_pairs, table_or_none
from streamavg.count.scoring import Scoring
from streamavg.count.slicing import Slicing
from streamavg.errors import InputError
from streamavg.options import Options
from streamavg.position import Position
from streamavg.snapshot import Snapshot
from streamavg.state.spans import microseconds
from streamavg.tally import Tally
from streamavg.unbroken import unbroken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta
    from os import PathLike

    import pyarrow as pa

    from streamavg.state.config import NullPred, Task, Unknown
    from streamavg.state.state import State

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
    by, window, time: tell rows apart in `Snapshot.slices`, by the values of columns and by windows ("5m", aligned to
    1970) of the time in a column; max_slices: refuse more, or with fold_slices put the rest into one, whose key is ().
    op: the column that holds "+" for rows to count and "-" for rows to take away, which may come first.

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
        by: Columns | None = None,
        window: str | timedelta | None = None,
        time: str | None = None,
        op: str | None = None,
        max_labels: int = 1_000_000,
        max_slices: int = 100_000,
        fold_slices: bool = False,
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
            slicing=Slicing.checked(by, window, time, op, max_slices, fold_slices),
            max_labels=max_labels,
        )
        self._position, self._lock = Position(), threading.RLock()
        self._tally = Tally(self._options)

    def reset(self) -> None:
        """Forget all that was counted, and the task if it was found from the data."""
        with self._lock:
            self._set(Tally(self._options), Position())

    @unbroken
    def _set(self, tally: Tally, position: Position) -> None:
        self._tally, self._position = tally, position

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
        if self._options.slicing.is_asked:
            raise InputError("update_pairs has no columns that tell slices apart; count rows with update")
        table, numbers = listed_pairs(y_true, y_pred, count)
        self._options.refuse_pairs()
        with self._lock:
            self._tally.count_listed(table, numbers)

    def merge(self, other: Snapshot | Accumulator) -> None:
        """Add all that another accumulator or snapshot counted.

        MismatchError if it was counted differently, or if both accumulators hold the same rows of a file.
        """
        state = (other.snapshot() if isinstance(other, Accumulator) else other).state
        position = other._position if isinstance(other, Accumulator) else Position()
        with self._lock:
            position = self._position + position
            total = self._tally.state() + state
            if not state.is_empty:
                # an accumulator without rows would take any configuration; its own options still have to agree
                asked, base = self._options.resolved(self._options.task or state.config.task), self._tally.base
                config = (base.config if self._tally.config.task else asked).joined(state.config)
                self._options.check(total, config)
                self._merged(replace(total, config=config), position)

    @unbroken
    def _merged(self, total: State, position: Position) -> None:
        self._tally.settle(total)
        self._position = position

    def snapshot(self) -> Snapshot:
        """An immutable copy of all that was counted so far, at a batch boundary."""
        with self._lock:
            return Snapshot(self._tally.state())

    def save(self, path: str | PathLike[str]) -> None:
        """Write counts, options and positions to a state file, whole or not at all; what it held is kept as `.1`."""
        with self._lock:
            state, position = self._tally.state(), self._position
        keep(path, state, position, self._options)

    @classmethod
    def resume(cls, path: str | PathLike[str]) -> Accumulator:
        """An accumulator that goes on from a state file with its options; StateError if the file cannot be used."""
        options, state, position = kept(path)
        made = cls(**options)
        made.merge(Snapshot(state))
        made._position = position
        return made

    def fold_windows(self, before: datetime) -> None:
        """No longer tell apart the rows of windows that start before a time: they stay in the total, and in slice ().

        So that months of windows take no more memory than the newest ones. InputError without windows.
        """
        if not self._options.slicing.window:
            raise InputError("there are no windows to fold: count with window and time")
        with self._lock:
            self._tally.fold_windows(microseconds(before))

    def _apply(self, data: Any, step: int) -> None:
        table = table_or_none(data)
        if table is None:
            self._apply_stream(data, step)
        else:
            self._tally.apply_table(table, step)

    def _apply_stream(self, data: Any, step: int) -> None:
        """Count a stream that can be read only once into a state of its own, added when it has ended."""
        apart = self._apart()._tally
        row = 0
        for batch in batches_of(data):
            apart.count(batch, 1, row)
            row += batch.num_rows
        counted = apart.state()
        total = self._tally.state() + counted if step > 0 else self._tally.state() - counted
        self._options.check(total, total.config)
        self._tally.settle(total)

    def _apart(self) -> Accumulator:
        """An empty accumulator for the same columns, options and task."""
        apart = copy.copy(self)
        apart._options = replace(self._options, task=self._tally.config.task or self._options.task)
        apart._lock = threading.RLock()
        apart.reset()
        return apart

    def _twin(self) -> Accumulator:
        """A copy that counts on its own; the cheapest way to look at counts that others wait to change."""
        with self._lock:
            twin = copy.copy(self)
            twin._lock, twin._tally = threading.RLock(), self._tally.twin()
        return twin

    @unbroken
    def _absorb(self, other: Accumulator) -> None:
        """Take over, from an accumulator of the same columns and options that counts no more, what is quickly added.

        The sum of what both hold stays the same; what the other has left is still to be merged.
        """
        with self._lock:
            self._tally.absorb(other._tally)

    @unbroken
    def _count_piece(self, batch: pa.RecordBatch, malformed: int = 0, first_row: int = 0) -> None:
        """Count a batch as it came from a source, with the lines that could not be read beside it."""
        with self._lock:
            for start in range(0, batch.num_rows, SLICE):
                self._tally.count(batch.slice(start, SLICE), 1, first_row + start)
            self._tally.skip("malformed", malformed)
