"""Counter: all that is counted of the same rows, each batch whole or not at all."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from streamavg.count.sets import SetCounter
from streamavg.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.count.rows import Rows
    from streamavg.count.score_counter import ScoreCounter
    from streamavg.count.single import SingleCounter
    from streamavg.state.config import Config
    from streamavg.state.state import State
    from streamavg.state.tables import Ints


class Counter:
    """Counts the labels of rows, one a row or sets of them; an error leaves it as it was."""

    def __init__(self, labels: SingleCounter | SetCounter, scores: ScoreCounter | None = None) -> None:
        self._labels, self.scores = labels, scores

    @property
    def config(self) -> Config:
        """The options that the counts stand under."""
        return self._labels.config

    def count(self, rows: Rows, step: int) -> None:
        """Add (step 1) or take away (step -1) rows, whole or not at all."""
        scored = None if self.scores is None else self.scores.read(rows)
        rows = rows if scored is None else scored.rows
        self._count_labels(rows, step)
        if self.scores is not None and scored is not None:
            try:
                self.scores.count(scored, step)
            except BaseException:
                self._count_labels(rows, -step)
                raise

    def _count_labels(self, rows: Rows, step: int) -> None:
        if isinstance(self._labels, SetCounter):
            self._labels.count(rows.true, rows.pred, step, rows.weights)
        else:
            self._labels.count(rows.true[0], rows.pred[0], step, rows.first, rows.weights)

    def count_listed(self, table: pa.Table, counts: Ints) -> None:
        """Add the (y_true, y_pred) rows of a table, each as often as `counts` says, whole or not at all."""
        if isinstance(self._labels, SetCounter):
            raise InputError("update_pairs takes one label a row; count multilabel rows with update")
        self._labels.count_listed(table["y_true"].chunks, table["y_pred"].chunks, counts)

    def twin(self) -> Counter:
        """A copy that counts on its own."""
        twin = copy.copy(self)
        twin._labels, twin.scores = self._labels.twin(), self.scores and self.scores.twin()
        return twin

    def state(self) -> State:
        """An immutable copy of all that was counted."""
        state = self._labels.state()
        return state if self.scores is None else self.scores.joined(state)
