"""The slices of rows with label sets, weights or scores: rows sorted by slice, each slice counted by itself."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from streamavg.state.slices import Slices

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streamavg.count.counter import Counter
    from streamavg.count.rows import Rows
    from streamavg.state.slices import Key
    from streamavg.state.state import State


class SliceGroups:
    """Counts rows by slice with a counter for each that `make` gives; 1 to 2 ms a slice and batch, few rows or many."""

    def __init__(self, make: Callable[[], Counter]) -> None:
        self._make = make
        self._states: dict[int, State] = {}

    def count(self, rows: Rows, step: int, bound: int) -> None:
        """Add (step 1) or take away (step -1) rows whose slices are below `bound`, whole or not at all."""
        if not len(rows):
            return
        order = np.argsort(rows.slices, kind="stable")
        slices = rows.slices[order]
        starts = np.flatnonzero(np.r_[True, slices[1:] != slices[:-1]]).tolist()
        taken, fresh = rows.taken(order), {}
        for start, end in zip(starts, [*starts[1:], len(slices)], strict=True):
            counter = self._make()
            counter.count(taken.part(start, end), 1)
            state, code = counter.state().without_pairs(), int(slices[start])
            before = self._states.get(code)
            fresh[code] = (before + state if step > 0 else before - state) if before is not None else state
            if before is None and step < 0:
                fresh[code] = state.negative()
        self._states |= fresh

    def twin(self) -> SliceGroups:
        """A copy that counts on its own."""
        twin = copy.copy(self)
        twin._states = dict(self._states)
        return twin

    def state(self, keys: Sequence[Key]) -> Slices:
        """What was counted; keys: that of each code."""
        return Slices.of_states({keys[code]: state for code, state in self._states.items()})
