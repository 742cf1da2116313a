"""Slice values: which slices are worst, with their sizes, and how the newest windows went."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.derive.panes import starts_of, windows
from streamavg.derive.policy import uses_weights
from streamavg.derive.values import metric_value
from streamavg.errors import InputError
from streamavg.state.counts import FN, FP, TP
from streamavg.state.spans import moment, public_key
from streamavg.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.derive.policy import Policy
    from streamavg.state.slices import Key
    from streamavg.state.state import State

ENOUGH = 30  # rows; the rate of fewer says little: two of ten are between 3 % and 56 % (Clopper-Pearson, 95 %)
WORST, NEWEST = 12, 5


@dataclass(frozen=True)
class SliceValue:
    """A slice or window: the `by` values and the start of its window as users see them, its rows and its metrics."""

    key: tuple[Any, ...]
    rows: int
    seen: int
    values: tuple[float, ...]


@dataclass(frozen=True)
class SliceValues:
    """The worst slices first, the newest windows first, and how many slices there are, few of them with few rows."""

    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    count: int
    few: int
    worst: tuple[SliceValue, ...]
    newest: tuple[SliceValue, ...]


def slice_values(state: State, policy: Policy, metrics: Sequence[str] | None = None) -> SliceValues | None:
    """The slices of a state as a report shows them; None if rows are not told apart.

    Worst is what has the lowest micro F1 among slices of ENOUGH scored rows. metrics: the names to show instead of
    micro and macro F1, nan where a slice does not have one.
    """
    config = state.config
    if not (config.by or config.window):
        return None
    names = ["f1_micro", "f1_macro"] if metrics is None else list(metrics)
    if config.scores and metrics is None:
        names.append("roc_auc" if config.task == "binary" else "roc_auc_macro")
    keys = _worst(state, policy)
    one = state.slices.rekeyed(lambda key: key if key in keys else None).states(type(state)(state.total.config))
    worst = [_value(public_key(key, bool(config.window)), one[key], names, policy) for key in keys]
    newest = windows(state, starts_of(state)[-NEWEST:]) if config.window else {}
    columns = (*config.by, *(("window_start",) if config.window else ()))
    rows = state.slices.numbers[:, 0]
    return SliceValues(
        columns,
        tuple(names),
        len(rows),
        int((rows < ENOUGH).sum()),
        tuple(worst),
        tuple(_value((moment(start),), part, names, policy) for start, part in reversed(newest.items())),
    )


def _value(key: tuple[Any, ...], state: State, names: list[str], policy: Policy) -> SliceValue:
    """The metrics of a slice; nan where it owes rows, and for what it does not have."""
    return SliceValue(key, state.rows, state.seen, tuple(_one(state, name, policy) for name in names))


def _one(state: State, name: str, policy: Policy) -> float:
    try:
        return metric_value(state, name, policy).value if state.rows > 0 else math.nan
    except InputError:
        return math.nan


def _worst(state: State, policy: Policy) -> list[Key]:
    """The keys of the slices with the lowest micro F1, the larger first of equal ones."""
    slices = state.slices
    enough = slices.numbers[:, 0] >= ENOUGH
    if uses_weights(state, policy) or policy.labels is not None:
        found = np.full(len(slices.keys), np.nan)
        for k in np.flatnonzero(enough).tolist():
            found[k] = _value((), state.slice_states[slices.keys[k]], ["f1_micro"], policy).values[0]
    else:
        held, cells = grouped(slices.places >> 32, slices.cells)
        tp, fp, fn = (np.zeros(len(slices.keys)) for _ in range(3))
        tp[held], fp[held], fn[held] = cells[:, TP], cells[:, FP], cells[:, FN]
        whole = 2 * tp + fp + fn
        found = np.divide(2 * tp, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    enough &= ~np.isnan(found)
    order = np.lexsort((-slices.numbers[:, 0], found))
    return [slices.keys[k] for k in order[enough[order]][:WORST].tolist()]
