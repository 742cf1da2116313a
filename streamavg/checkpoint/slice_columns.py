"""Slice columns: slices in a state file, and whether they are slices of the total that the file holds.

Keys are JSON lists. A slice with more than counts (a row table, weights, scores) is there as a state of its own too.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.state.counts import FN, FP, TP
from streamavg.state.slices import FOLDED, NUMBERS, Slices, in_order
from streamavg.state.spans import LEAST_START, MOST_START, window_size
from streamavg.state.state import State
from streamavg.state.tables import exact_sum, frozen, grouped

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.state.config import Config
    from streamavg.state.slices import Key

PART = "slices"
_NUMBERS = ("place", "tp", "fp", "fn", "number", "state_key")


def column_names() -> dict[str, bool]:
    """The columns, and whether they hold texts; the others hold int64."""
    texts = {f"slice_{name}": True for name in ("key", "label", "state")}
    return texts | {f"slice_{name}": False for name in _NUMBERS}


def columns_of(state: State) -> dict[str, Any]:
    """The columns of the slices of a state."""
    from streamavg.checkpoint import wire

    slices = state.slices
    with_rest = [k for k, key in enumerate(slices.keys) if key in slices.rest]
    packed = [wire.pack(state.slice_states[slices.keys[k]]) for k in with_rest]
    return {
        "slice_key": [json.dumps(key, separators=(",", ":")) for key in slices.keys],
        "slice_label": slices.labels,
        "slice_state": [base64.b64encode(each).decode("ascii") for each in packed],
        "slice_place": slices.places,
        **{f"slice_{name}": slices.cells[:, k] for k, name in enumerate(("tp", "fp", "fn"))},
        "slice_number": slices.numbers.ravel(),
        "slice_state_key": np.array(with_rest, np.int64),
    }


def slices_of(about: Any, batch: pa.RecordBatch) -> Slices:
    """The slices that columns stand for; ValueError or TypeError if there are none, or not in their one form."""
    if about is not True:
        raise TypeError(f"{PART} is described by {str(about)[:80]}")
    texts = {name: batch[f"slice_{name}"].flatten().to_pylist() for name in ("key", "label", "state")}
    arrays = {name: batch[f"slice_{name}"].flatten().to_numpy() for name in _NUMBERS}
    keys = tuple(_key(text) for text in texts["key"])
    labels, places = tuple(texts["label"]), frozen(arrays["place"])
    if list(keys) != in_order(set(keys)) or list(labels) != sorted(set(labels)):
        raise ValueError("keys or labels of slices are not ascending and unique")
    cells = frozen(np.stack([arrays[name] for name in ("tp", "fp", "fn")], axis=1))
    if len(cells) != len(places) or (np.diff(places) <= 0).any() or not cells.any(axis=1).all():
        raise ValueError("the places of cells of slices are not ascending and unique, or hold nothing")
    slices, columns = places >> 32, places & 0xFFFFFFFF
    if places.size and (slices.min() < 0 or slices.max() >= len(keys) or columns.max() >= len(labels)):
        raise ValueError("a cell of a slice is outside its slices and labels")
    numbers = frozen(arrays["number"].reshape(len(keys), len(NUMBERS)))
    rest = _rest(keys, arrays["state_key"], texts["state"], Slices(keys, labels, places, cells, numbers))
    found = Slices(keys, labels, places, cells, numbers, rest)
    if not keys or (found.keys, found.labels) != ((whole := found.pruned()).keys, whole.labels):
        raise ValueError("there are slices or labels of slices that hold nothing")
    return found


def _key(text: str) -> Key:
    found = json.loads(text)
    if type(found) is not list or json.dumps(found, separators=(",", ":")) != text:
        raise ValueError(f"the key of a slice is {text[:80]!r}")
    for part in found:
        if part is not None and type(part) not in (str, int):
            raise TypeError(f"the key of a slice is {text[:80]!r}")
    return tuple(found)


def _rest(keys: tuple[Key, ...], places: Any, texts: list[str], counted: Slices) -> dict[Key, State]:
    """What slices have beside their counts, from states of their own that must have the same counts."""
    from streamavg.checkpoint import wire

    if len(places) != len(texts) or (places.size and not 0 <= places.min() <= places.max() < len(keys)):
        raise ValueError("the states of slices are of other slices")
    rest = {}
    for place, text in zip(places.tolist(), texts, strict=True):
        state = wire.from_bytes(base64.b64decode(text, validate=True))
        rest[keys[place]] = state.beside_counts()
        _refuse_nested(state.config)
        numbers = dict(zip(NUMBERS, counted.numbers[place].tolist(), strict=True))
        held = np.flatnonzero(counted.places >> 32 == place)
        labels = tuple(counted.labels[k] for k in (counted.places[held] & 0xFFFFFFFF).tolist())
        named = {"rows": state.rows, **state.skipped, **state.tallies}
        same = {name: named.get(name, 0) for name in NUMBERS} == numbers and state.counts.labels == labels
        if not same or not np.array_equal(state.counts.cells, counted.cells[held]):
            raise ValueError("the state of a slice has other counts than the slice")
    if len(rest) < len(texts):
        raise ValueError("a slice has two states")
    return rest


def _refuse_nested(config: Config) -> None:
    if config.by or config.window:
        raise ValueError("the state of a slice has slices")


def check_slices(state: State) -> None:
    """ValueError or OverflowError if the slices of a state are not its own rows told apart."""
    config, slices = state.config, state.slices
    size = window_size(config.window) if config.window else 0
    if not (config.by or size):
        if slices.keys:
            raise ValueError("there are slices although nothing tells them apart")
        return
    for key in slices.keys:
        if key != FOLDED:
            _check_key(key, config.by, size)
    if config.unknown != "grow" and not set(slices.labels) <= set(config.labels):
        raise ValueError("a slice has labels that are not declared")
    totals = {"rows": state.rows, **state.skipped, **state.tallies}
    if [exact_sum(column) for column in slices.numbers.T] != [totals.get(name, 0) for name in NUMBERS]:
        raise ValueError("the slices have other rows than the total")
    columns, cells = grouped(slices.places & 0xFFFFFFFF, slices.cells)
    kept = np.flatnonzero(cells.any(axis=1))
    labels = tuple(slices.labels[k] for k in columns[kept].tolist())
    if labels != state.counts.labels or not np.array_equal(cells[kept], state.counts.cells):
        raise ValueError("the slices have other counts than the total")
    if config.task in ("binary", "multiclass"):
        _check_identities(slices)


def _check_key(key: Key, by: tuple[str, ...], size: int) -> None:
    texts, start = (key[:-1], key[-1]) if size else (key, None)
    if len(texts) != len(by) or not all(part is None or type(part) is str for part in texts):
        raise ValueError(f"a slice has the key {str(key)[:80]}")
    if start is not None and not (type(start) is int and LEAST_START <= start < MOST_START and start % size == 0):
        raise ValueError(f"a window starts at {str(start)[:40]}")


def _check_identities(slices: Slices) -> None:
    """ValueError if one label a row cannot give the sums of a slice."""
    held, sums = grouped(slices.places >> 32, slices.cells)
    cells = np.zeros((len(slices.keys), 3), np.int64)
    cells[held] = sums
    number = dict(zip(NUMBERS, slices.numbers.T, strict=True))
    answered = [cells[:, TP], cells[:, FP], number["unanswered"], number["other"]]
    for parts in ([cells[:, TP], cells[:, FN]], answered):
        # halves, so that no sum wraps
        high = sum(part >> 32 for part in parts) - (number["rows"] >> 32)
        low = sum(part & 0xFFFFFFFF for part in parts) - (number["rows"] & 0xFFFFFFFF)
        if (high + (low >> 32)).any() or (low & 0xFFFFFFFF).any():
            raise ValueError("one label a row cannot give the counts of a slice")


def check_rest(state: State) -> None:
    """ValueError if what slices have beside their counts does not add up to what the total has."""
    if not (state.config.by or state.config.window):
        return
    total = State(state.total.config)
    for key in state.slices.rest:
        total += state.slice_states[key]
    mine, theirs = (each.beside_counts().fingerprint for each in (total, state))
    if mine != theirs:
        raise ValueError("the slices have other weights, scores or row sizes than the total")
