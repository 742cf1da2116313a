"""Parts: what a state may have beside counts and pairs, each in a file only if it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from streamavg.checkpoint import score_columns, slice_columns, sum_columns

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from streamavg.state.state import State


def held_parts(state: State) -> list[str]:
    """The names of the parts that a state has."""
    parts = [*score_columns.held_scores(state), *sum_columns.held_sums(state)]
    return [*parts, slice_columns.PART] if state.slices.keys else parts


def parts_of(about: dict[str, Any]) -> list[str]:
    """The parts that the metadata names."""
    return [part for part in (*score_columns.PARTS, *sum_columns.KINDS, slice_columns.PART) if part in about]


def column_names(parts: Iterable[str]) -> dict[str, bool]:
    """The columns of these parts, and whether they hold texts; the others hold int64."""
    names: dict[str, bool] = {}
    for part in parts:
        if part == slice_columns.PART:
            names |= slice_columns.column_names()
        else:
            names |= (sum_columns if part in sum_columns.KINDS else score_columns).column_names(part)
    return names


def about_parts(state: State) -> dict[str, Any]:
    """The entries of the parts in the metadata."""
    about: dict[str, Any] = {
        part: score_columns.about_scores(x) for part, x in score_columns.held_scores(state).items()
    }
    about |= {part: sum_columns.about_sums(x) for part, x in sum_columns.held_sums(state).items()}
    return about | ({slice_columns.PART: True} if state.slices.keys else {})


def columns_of(state: State) -> dict[str, Any]:
    """The columns of all parts."""
    held: dict[str, Any] = {}
    for part, scores in score_columns.held_scores(state).items():
        held |= score_columns.columns_of(part, scores)
    for part, sums in sum_columns.held_sums(state).items():
        held |= sum_columns.columns_of(part, sums)
    return held | (slice_columns.columns_of(state) if state.slices.keys else {})


def read_parts(about: dict[str, Any], batch: pa.RecordBatch) -> dict[str, Any]:
    """The parts that metadata and columns stand for; any of several errors if there are none."""
    found = {
        part: (sum_columns.sums_of if part in sum_columns.KINDS else score_columns.scores_of)(part, about[part], batch)
        for part in parts_of(about)
        if part != slice_columns.PART
    }
    if slice_columns.PART in about:
        found[slice_columns.PART] = slice_columns.slices_of(about[slice_columns.PART], batch)
    return found
