"""Score columns: score histograms in a state file, the cells that hold something, and whether they can be true.

A part, "scores" or "weighted_scores", is in a file only if its state has it: an entry of the metadata with the layout,
and columns of its own behind the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from streamavg.state.layout import Layout
from streamavg.state.scores import Scores
from streamavg.state.witness import EMPTY, MIXED, witness_of

if TYPE_CHECKING:
    import pyarrow as pa

    from streamavg.state.state import State

PARTS = ("scores", "weighted_scores")
MOST_BYTES = 4 << 30  # of the tables in memory: a short file could otherwise ask for any amount
_ABOUT = {"layout": str, "narrow": bool, "versus": bool}


def held_scores(state: State) -> dict[str, Scores]:
    """The parts that a state has, by name."""
    return {part: scores for part in PARTS if not (scores := getattr(state, part)).holds_nothing}


def parts_of(about: dict[str, Any]) -> list[str]:
    """The parts that the metadata names."""
    return [part for part in PARTS if part in about]


def column_names(part: str) -> dict[str, bool]:
    """The columns of a part, and whether they hold texts; the others hold int64."""
    numbers = ("key", "every", "positive", "witness", "versus_key", "versus_count")
    return {f"{part}_label": True, **{f"{part}_{name}": False for name in numbers}}


def about_scores(scores: Scores) -> dict[str, Any]:
    """The entry of a part in the metadata."""
    name = scores.layout.name if scores.layout else ""
    return {"layout": name, "narrow": scores.narrow, "versus": scores.versus is not None}


def columns_of(part: str, scores: Scores) -> dict[str, Any]:
    """The columns of a part: cells with a count or a witness, keyed label * slots + slot, and those of one-vs-one."""
    every, positive, witness = (table.reshape(-1) for table in (scores.every, scores.positive, scores.witness))
    keys = np.flatnonzero((every != 0) | (positive != 0) | (witness != EMPTY))
    versus = np.empty(0, np.int64) if scores.versus is None else scores.versus.reshape(-1)
    versus_keys = np.flatnonzero(versus)
    cells = (keys, every[keys], positive[keys], witness[keys].view(np.int64), versus_keys, versus[versus_keys])
    return dict(zip(column_names(part), (scores.labels, *cells), strict=True))


def scores_of(part: str, about: Any, batch: pa.RecordBatch) -> Scores:
    """The scores that an entry of the metadata and columns stand for; ValueError or TypeError if there are none."""
    if type(about) is not dict or {name: type(value) for name, value in about.items()} != _ABOUT:
        raise TypeError(f"{part} is described by {str(about)[:80]}")
    layout = Layout.named(about["layout"])
    columns = [batch[name].flatten() for name in column_names(part)]
    labels = tuple(columns[0].to_pylist())
    keys, every, positive, witness, versus_keys, versus_counts = (column.to_numpy() for column in columns[1:])
    shape = (len(labels), layout.slots)
    if (len(labels) if about["versus"] else 1) * layout.bytes_for(len(labels)) > MOST_BYTES:
        raise ValueError(f"{part} of {len(labels):,} labels in layout {layout.name!r} do not fit in memory")
    tables = [
        _dense(part, (keys, found), shape, empty)
        for found, empty in ((every, 0), (positive, 0), (witness.view(np.uint64), EMPTY))
    ]
    if not about["versus"] and versus_keys.size:
        raise ValueError(f"{part} has one-vs-one counts although it is said not to")
    versus = _dense(part, (versus_keys, versus_counts), (len(labels), *shape), 0) if about["versus"] else None
    scores = Scores.of(layout, labels, (tables[0], tables[1], tables[2]), about["narrow"], versus)
    if scores.labels != labels or len(set(labels)) < len(labels) or not labels:
        raise ValueError(f"{part}_label is not ascending and unique, or has labels without scores")
    found = columns_of(part, scores)
    if len(found[f"{part}_key"]) != len(keys) or len(found[f"{part}_versus_key"]) != len(versus_keys):
        raise ValueError(f"{part} has cells that hold nothing")
    return scores


def _dense(part: str, cells: tuple[Any, Any], shape: tuple[int, ...], empty: Any) -> Any:
    keys, found = cells
    table = np.full(shape, empty, found.dtype)
    if (
        len(keys) != len(found)
        or (np.diff(keys) <= 0).any()
        or (keys.size and not 0 <= keys[0] <= keys[-1] < table.size)
    ):
        raise ValueError(f"{part} has keys that are not ascending and unique cells of its table, or do not count them")
    table.reshape(-1)[keys] = found
    return table


def check_scores(scores: Scores, option: str) -> None:
    """ValueError if scores are in another layout than the options say, or a witness is no score of its slot."""
    layout = scores.layout
    if layout is None or layout.name != option:
        raise ValueError(f"scores are in layout {layout and layout.name!r}, but the options say {option!r}")
    label, slot = np.nonzero(scores.witness < MIXED)
    values = scores.witness[label, slot].view(np.float64)
    low, high = (edge[slot] for edge in layout.edges(scores.narrow))
    right = (low <= values) & (values <= high) & (witness_of(values) == scores.witness[label, slot])
    if scores.narrow:
        right &= np.abs(values) < 2.0**128
        right &= np.where(right, values, 0.0).astype(np.float32) == values
    if not right.all():
        raise ValueError("a slot has a witness that is none of its scores")
    if ((scores.witness == EMPTY) & ((scores.every != 0) | (scores.positive != 0))).any():
        raise ValueError("a slot holds scores that nothing was seen of")
    if scores.versus is not None:
        own = np.einsum("iik->ik", scores.versus)
        if (own != scores.positive).any() or ((scores.witness == EMPTY) & scores.versus.any(axis=0)).any():
            raise ValueError("the one-vs-one counts are not those of the scores")
