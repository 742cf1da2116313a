"""Counter: all that is counted of the same rows, each batch whole or not at all."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from streamavg.count.plain_rows import PAIRS
from streamavg.count.sets import SetCounter
from streamavg.count.single import SingleCounter
from streamavg.count.slice_table import SliceTable
from streamavg.errors import InputError
from streamavg.state.config import ANY
from streamavg.state.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from streamavg.count.rows import Rows
    from streamavg.count.score_counter import ScoreCounter
    from streamavg.count.slice_groups import SliceGroups
    from streamavg.state.config import Config
    from streamavg.state.slices import Key
    from streamavg.state.state import State
    from streamavg.state.tables import Ints


class Counter:
    """Counts the labels of rows, one a row or sets of them; an error leaves it as it was."""

    def __init__(
        self,
        labels: SingleCounter | SetCounter,
        scores: ScoreCounter | None = None,
        slices: SliceTable | SliceGroups | None = None,
    ) -> None:
        self.labels, self.scores, self.slices = labels, scores, slices

    @property
    def config(self) -> Config:
        """The options that the counts stand under."""
        return self.labels.config

    def count(self, rows: Rows, step: int, bound: int = 0) -> None:
        """Add (step 1) or take away (step -1) rows, whole or not at all; their slices are below `bound`."""
        if isinstance(self.slices, SliceTable):
            if not self.slices.count(rows, step, bound):
                try:
                    self._count_all(rows, step)
                except BaseException:
                    self.slices.take_back(rows, step, bound)
                    raise
            return
        self._count_all(rows, step)
        if self.slices is not None:
            try:
                self.slices.count(rows, step, bound)
            except BaseException:
                self._count_all(rows, -step)
                raise

    def _count_all(self, rows: Rows, step: int) -> None:
        scored = None if self.scores is None else self.scores.read(rows)
        rows, pairs = (rows, None) if scored is None else (scored.rows, scored.pairs)
        self._count_labels(rows, step, pairs)
        if self.scores is not None and scored is not None:
            try:
                self.scores.count(scored, step)
            except BaseException:
                self._count_labels(rows, -step, pairs)
                raise

    def _count_labels(self, rows: Rows, step: int, pairs: Ints | None) -> None:
        if pairs is not None:
            assert isinstance(self.labels, SingleCounter)
            self.labels.count_texts(*PAIRS, pairs * step)
            return
        if isinstance(self.labels, SetCounter):
            self.labels.count(rows.true, rows.pred, step, rows.weights)
        else:
            self.labels.count(rows.true[0], rows.pred[0], step, rows.first, rows.weights)

    def count_listed(self, table: pa.Table, counts: Ints) -> None:
        """Add the (y_true, y_pred) rows of a table, each as often as `counts` says, whole or not at all."""
        if isinstance(self.labels, SetCounter):
            raise InputError("update_pairs takes one label a row; count multilabel rows with update")
        self.labels.count_listed(table["y_true"].chunks, table["y_pred"].chunks, counts)

    def absorb(self, other: Counter) -> int:
        """Take over the rows of the other's table of slices, whose slices have the same codes; how many there were."""
        if isinstance(self.slices, SliceTable) and isinstance(other.slices, SliceTable):
            return self.slices.absorb(other.slices)
        return 0

    def twin(self) -> Counter:
        """A copy that counts on its own."""
        twin = copy.copy(self)
        twin.labels, twin.scores = self.labels.twin(), self.scores and self.scores.twin()
        if isinstance(self.slices, SliceTable):
            assert isinstance(twin.labels, SingleCounter)
            twin.slices = self.slices.twin(twin.labels)
        elif self.slices is not None:
            twin.slices = self.slices.twin()
        return twin

    def state(self, keys: Sequence[Key] = ()) -> State:
        """An immutable copy of all that was counted; keys: that of each code of a slice."""
        state = self.labels.state()
        if self.scores is not None:
            state = self.scores.joined(state)
        if self.slices is None:
            return state
        if isinstance(self.slices, SliceTable) and (more := self.slices.total()) is not None:
            state += more
        layout = Layout.named(state.config.scores) if state.config.scores not in ("", ANY) else None
        return replace(state, slices=self.slices.state(keys).with_rests(lambda rest: rest.in_layout(layout)))
