"""Panes: views of windows at reading: what is told apart by time only, the last hour, and counts that fade with age."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.errors import InputError
from streamavg.state.causes import TALLIES
from streamavg.state.slices import FOLDED, NUMBERS, Slices
from streamavg.state.spans import window_size, window_text
from streamavg.state.state import State
from streamavg.state.sums import Sums, SumTable
from streamavg.state.weighted import Weighted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamavg.state.slices import Key


def starts_of(state: State) -> list[int]:
    """The starts of all windows in microseconds, ascending; rows without a time and folded ones are in none."""
    require_window(state)
    return sorted({key[-1] for key in state.slices.keys if key and isinstance(key[-1], int)})


def untimed_rows(state: State) -> int:
    """How many rows have no time that a window can take. In the window None are also lines that could not be read."""
    require_window(state)
    places = [k for k, key in enumerate(state.slices.keys) if key and key[-1] is None]
    read = [k for k, name in enumerate(NUMBERS) if name not in ("malformed", *TALLIES)]
    return int(state.slices.numbers[places][:, read].sum())


def windows(state: State, starts: Iterable[int] | None = None) -> dict[int, State]:
    """The state of each window (or of these) by its start in microseconds, ascending, all `by` values together."""
    wanted = set(starts_of(state) if starts is None else starts)
    slices = state.slices.rekeyed(lambda key: (key[-1],) if key and key[-1] in wanted else None)
    return {int(start or 0): found for (start,), found in slices.states(State(state.total.config)).items()}


def require_window(state: State) -> int:
    """How long its windows are, in microseconds. InputError if there are none."""
    if not state.config.window:
        raise InputError("there are no windows: count with window='5m', time='ts' (--window 5m --time ts)")
    return window_size(state.config.window)


def newest_end(state: State) -> int:
    """The end of the newest window, in microseconds; 0 if no row has a time."""
    size = require_window(state)
    return max((start + size for start in starts_of(state)), default=0)


def sliding(state: State, length: object, end: int | None = None) -> State:
    """The rows of the windows in the `length` of time before `end` (None: that of the newest window), by `by` slices.

    InputError for a length or an end that is no whole number of windows: a window is not divided.
    """
    size, span = require_window(state), window_size(length, "length")
    last = newest_end(state) if end is None else end
    if span % size or last % size:
        raise InputError(
            f"a view over {window_text(span)} that ends at {last / 1e6:.6f} s is not made of whole windows of "
            f"{state.config.window}; give a multiple of it"
        )
    return _of_starts(state, {start: None for start in starts_of(state) if last - span <= start < last})


def _of_starts(state: State, starts: dict[int, Any]) -> State:
    """The rows of some windows, no longer told apart by time."""

    def without_window(key: Key) -> Key | None:
        return key[:-1] if key and key[-1] in starts else None

    slices = state.slices.rekeyed(without_window)
    config = replace(state.config, window="")
    total = slices.rekeyed(lambda key: FOLDED).states(State(state.total.config)).get(FOLDED)
    found = State(state.total.config) if total is None else total
    return replace(found, config=config, slices=slices if config.by else Slices())


def decayed(state: State, half_life: object, end: int | None = None) -> State:
    """Rows that weigh 2 ** -(age / half_life), where the age of a window is from its end to `end`; newer ones are left
    out. Weights are those of the state times this, cut to 64 binary places; a window has one age. Without scores.
    """
    size, half = require_window(state), window_size(half_life, "half_life")
    last = newest_end(state) if end is None else end
    factors = {start: 2.0 ** (-(last - start - size) / half) for start in starts_of(state) if start + size <= last}
    found = _of_starts(state, factors)
    config = replace(state.total.config, sample_weight=True, scores="", decision="", ovo=False, losses=True)
    config = replace(config, weight_quantum=None)
    weighted, keyed = Weighted(), dict[Any, Weighted]()
    for key, part in state.slice_states.items():
        if key and key[-1] in factors:
            faded = _faded(part, factors[key[-1]])
            weighted += faded
            keyed[key[:-1]] = keyed[key[:-1]] + faded if key[:-1] in keyed else faded
    slices = Slices.of_states(
        {key: replace(_plain(part), config=config, weighted=keyed[key]) for key, part in found.slice_states.items()}
    )
    whole = replace(_plain(found), config=replace(config, by=found.config.by), weighted=weighted)
    return replace(whole, slices=slices)


def _plain(state: State) -> State:
    """The counts of rows, and the row table."""
    skipped = {name: rows for name, rows in state.skipped.items() if name != "invalid_score"}
    return State(state.config, state.counts, state.rows, skipped, state.tallies, state.row_table, pairs=None)


def _faded(state: State, factor: float) -> Weighted:
    """The weights of a state times a factor; of rows without weights, the rows."""
    held = state.weighted if state.config.sample_weight else _as_weights(state)
    tables = held.tables.values()
    return Weighted(*(SumTable.of(each.keys, each.sums.times(factor), each.columns) for each in tables))


def _as_weights(state: State) -> Weighted:
    """Rows that weigh 1 each."""
    named = {"rows": state.rows, **state.tallies}
    named |= {name: rows for name, rows in state.skipped.items() if name == "null_pred"}
    names, table = sorted(named), state.row_table
    return Weighted(
        SumTable.of(state.counts.labels, Sums.of(state.counts.cells.reshape(-1, 1), 0), 3),
        SumTable.of(tuple(names), Sums.of(np.array([[named[name]] for name in names], np.int64), 0)),
        SumTable.of(tuple(table.keys.tolist()), Sums.of(table.counts.reshape(-1, 1), 0)),
    )
