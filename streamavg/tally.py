"""Tally: what an accumulator has counted: a state, and a counter on top of it that takes the rows that come."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.count.inputs import SLICE
from streamavg.count.selection import Chosen, Sides
from streamavg.counters import counter_for, rows_of
from streamavg.errors import CountOverflowError
from streamavg.slicer import Slicer, skipped_slices, split_by_op
from streamavg.state.labels import MOST
from streamavg.state.slices import FOLDED, Slices
from streamavg.state.state import State
from streamavg.unbroken import unbroken

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.count.counter import Counter
    from streamavg.options import Options
    from streamavg.state.config import Config


class Tally:
    """Counts record batches under some options, each whole or not at all. Not safe for several threads at once."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.settle(State(options.resolved(options.task)))

    @unbroken
    def settle(self, base: State) -> None:
        """Go on from a state, with a counter to be made for it."""
        self.base = base
        self._counter: Counter | None = None
        self._slicer: Slicer | None = None
        self._traffic = self._pending = 0  # rows through the counter, either way; rows in it

    @property
    def config(self) -> Config:
        """The options that the counts stand under."""
        return self.base.config if self._counter is None else self._counter.config

    @unbroken
    def state(self) -> State:
        """An immutable copy of all that was counted."""
        if self._counter is None:
            return self.base
        return self.base + self._counter.state(() if self._slicer is None else self._slicer.keys())

    def absorb(self, other: Tally) -> None:
        """Take over the rows of a table of slices that has the same slices in the same places."""
        ours, theirs = self._counter, other._counter
        if ours is None or theirs is None or self._slicer is None or other._slicer is None:
            return
        if ours.config == theirs.config and self._slicer.keys() == other._slicer.keys():
            self._traffic += ours.absorb(theirs)

    def twin(self) -> Tally:
        """A copy that counts on its own."""
        twin = copy.copy(self)
        twin._counter = self._counter and self._counter.twin()
        twin._slicer = self._slicer and self._slicer.twin()
        return twin

    def fold_windows(self, before: int) -> None:
        """No longer tell apart rows of windows that start before this, in microseconds; they are in the slice ()."""
        state = self.state()
        slices = state.slices.rekeyed(
            lambda key: FOLDED if key and isinstance(key[-1], int) and key[-1] < before else key
        )
        if len(slices.keys) < len(state.slices.keys):
            self.settle(replace(state, slices=slices))

    @unbroken
    def count_listed(self, table: pa.Table, counts: list[int]) -> None:
        """Count (truth, prediction) rows, each as often as `counts` says, whole or not at all."""
        rows = sum(counts)
        self._make_room(rows, 1)
        before = self._counter
        counter = self._counter_for(Sides(Chosen(("y_true",), ()), Chosen(("y_pred",), ())), table)
        if counter is None:
            self.skip("null_true", rows)
            return
        try:
            counter.count_listed(table, np.array(counts, np.int64))
        except BaseException:
            self._counter = before
            raise
        self._traffic += rows
        self._pending += rows

    @unbroken
    def apply_table(self, table: pa.Table, step: int) -> None:
        """Count a table (step 1) or take it away (step -1), whole or not at all."""
        fresh, before, done, row = self._counter is None, self.base, [], 0
        if step > 0:
            self._refuse_beyond(table.num_rows)
        try:
            for batch in table.to_batches(max_chunksize=SLICE):
                self.count(batch, step, row)
                done.append(batch)
                row += batch.num_rows
        except BaseException:
            if fresh:
                self.settle(before)
            else:
                for batch in done:
                    self.count(batch, -step)
            raise

    def count(self, batch: pa.RecordBatch, step: int, first_row: int = 0) -> None:
        """Count one record batch, whole or not at all; errors number its rows from `first_row`."""
        sides = self._options.in_order(batch.schema.names)
        if not sides.op.columns:
            self._count_rows(batch, sides, step, first_row)
            return
        added: list[tuple[pa.RecordBatch, int]] = []
        try:
            for part, sign in split_by_op(batch, sides.op.columns[0], first_row):
                self._count_rows(part, sides, sign * step, first_row)
                added.append((part, -sign * step))
        except BaseException:
            for part, back in added:
                self._count_rows(part, sides, back)
            raise

    def _count_rows(self, batch: pa.RecordBatch, sides: Sides, step: int, first_row: int = 0) -> None:
        self._make_room(batch.num_rows, step)
        rows, bound = rows_of(batch, sides, first_row), 0
        if self._options.slicing.is_asked:
            rows = replace(rows, slices=self._slices_of(batch, first_row))
            bound = 0 if self._slicer is None else self._slicer.bound
        counter = self._counter_for(sides, batch)
        if counter is None:
            self.skip("null_true", batch.num_rows * step, rows.slices)
            return
        counter.count(rows, step, bound)
        self._traffic += batch.num_rows
        self._pending += batch.num_rows * step

    def _slices_of(self, batch: pa.RecordBatch, first_row: int) -> Any:
        """The code of each row's slice. InputError if there are more slices than there may be."""
        if self._slicer is None:
            self._slicer = Slicer(self._options.slicing, self.base.slices.keys)
        codes = self._slicer.read(batch, first_row)
        if not self._slicer.may_be_too_many:
            return codes
        keys, state = self._slicer.keys(), self.state()
        used = {*state.slices.keys, *(keys[code] for code in np.unique(codes).tolist())}
        self.settle(state)  # so that slices without rows are forgotten
        self._options.slicing.check(len(used))
        return self._slices_of(batch, first_row)

    def _refuse_beyond(self, rows: int) -> None:
        if self.base.seen + self._pending + rows > MOST:
            raise CountOverflowError(f"{rows} more rows would pass 2**63 - 1; nothing was added")

    def _make_room(self, rows: int, step: int) -> None:
        """Refuse rows that would pass int64; move what was counted to the base before the counter's cells could."""
        if step > 0:
            self._refuse_beyond(rows)
        if self._traffic + rows > MOST // 2:
            self.settle(self.state())

    def _counter_for(self, sides: Sides, data: Any) -> Counter | None:
        """The counter of these columns, made when the task is decided; None while truth columns hold nothing."""
        self._counter = counter_for(self._options, self._counter, self.config, sides, data)
        return self._counter

    def skip(self, cause: str, rows: int, codes: Any = None) -> None:
        """Tally rows that never reached a counter, by slice; a negative number takes them away again.

        Lines that cannot be read have no codes: they are in the slice of nulls, for no value of theirs is known.
        """
        if not rows:
            return
        slices, slicing = Slices(), self._options.slicing
        if codes is not None and self._slicer is not None:
            slices = self._slicer.skipped(cause, codes, 1 if rows > 0 else -1)
        elif slicing.is_asked:
            slices = skipped_slices([(None,) * (len(slicing.by) + bool(slicing.window))], cause, rows)
        self.base += State(self.base.config, skipped={cause: rows}, slices=slices)
