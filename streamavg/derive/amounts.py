"""Amounts: what the metrics of the whole table add up, rows or weights, as exact integers in one unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.policy import uses_weights
from streamavg.state.counts import FN, FP, TP
from streamavg.state.rowtable import unpack
from streamavg.state.tables import exact_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from streamavg.derive.policy import Policy
    from streamavg.state.state import State
    from streamavg.state.tables import Ints

_EXACT_PRODUCTS = 2**31  # below this many rows, products of two cells fit int64


@dataclass(frozen=True)
class Amounts:
    """Totals of a state: of rows, or of weights in units of 2**(32 * low). Ratios of them have no unit."""

    state: State
    weighted: bool

    @staticmethod
    def of(state: State, policy: Policy) -> Amounts:
        """What the policy reads of the state."""
        return Amounts(state, uses_weights(state, policy))

    @property
    def _low(self) -> int:
        return min((table.sums.low for table in self.state.weighted.tables.values()), default=0)

    @property
    def rows(self) -> int:
        """All scored rows."""
        return self.named("rows")

    def named(self, name: str) -> int:
        """Scored rows ("rows"), a tally, or the rows skipped by a cause."""
        if self.weighted:
            return self.state.weighted.total(name).integers(self._low)[0]
        return {"rows": self.state.rows, **self.state.tallies, **self.state.skipped}.get(name, 0)

    def cells(self, labels: Sequence[str] | None = None) -> NDArray[Any]:
        """TP, FP, FN of these labels or of all, shape (C, 3): int64, or Python ints where products could pass it."""
        if self.weighted:
            held = self.state.weighted.labels
            numbers = (held.sums if labels is None else held.at(labels)).integers(self._low)
            return np.array(numbers, object).reshape(-1, 3)
        cells = self.state.counts.cells if labels is None else self.state.counts.at(labels)
        return cells if self.state.rows < _EXACT_PRODUCTS else cells.astype(object)

    def total(self, column: int, labels: Sequence[str] | None = None) -> int:
        """The sum of TP, FP or FN over these labels or all."""
        return _total(self.cells(labels)[:, column])

    def products(self) -> tuple[int, int, int, int, int]:
        """c, sum s p, sum s^2, sum p^2 + u^2 + o^2, n: correct, support, predicted, unanswered, other, rows."""
        cells = self.cells()
        # as int64: support and predicted each sum to at most n, so no sum of products passes n^2
        support, predicted = cells[:, TP] + cells[:, FN], cells[:, TP] + cells[:, FP]
        sums = (int((a * b).sum()) for a, b in ((support, predicted), (support, support), (predicted, predicted)))
        both, true, answers = sums
        answers += sum(self.named(name) ** 2 for name in ("unanswered", "other"))
        return _total(cells[:, TP]), both, true, answers, self.rows

    def exact_sets(self) -> int:
        """Multilabel rows whose predicted set is the true one."""
        both, predicted, true = row_sizes(self.state, self.weighted).T
        exact = np.flatnonzero((both == predicted) & (both == true))
        if self.weighted:
            return sum(self.state.weighted.row_table.sums.at(exact).integers(self._low))
        return exact_sum(self.state.row_table.counts[exact])


def _total(numbers: NDArray[Any]) -> int:
    return int(numbers.sum()) if numbers.dtype == object else exact_sum(numbers)


def row_sizes(state: State, weighted: bool) -> Ints:
    """|Y and P|, |P|, |Y| of each entry of the row table, or of that of weights; shape (entries, 3)."""
    return unpack(np.array(state.weighted.row_table.keys, np.int64) if weighted else state.row_table.keys)
