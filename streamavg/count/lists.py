"""Lists: the labels of an Arrow list column, of any of its five types, row after row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.texts import runs, solid

if TYPE_CHECKING:
    from streamavg.state.tables import Ints

    Mask = np.ndarray[Any, np.dtype[np.bool_]]


def unnested(array: pa.Array) -> tuple[Ints, pa.Array, Mask]:
    """The length of each row's list (0 for null), the labels row after row, and which rows are null."""
    null = np.asarray(array.is_null())
    starts, lengths = _extents(array)
    if len(array) and not array.null_count and _is_gapless(array.type):
        return lengths, array.values.slice(int(starts[0]), int(lengths.sum())), null
    lengths = np.where(null, 0, lengths)
    total = int(lengths.sum())
    before = np.cumsum(lengths) - lengths
    filled = lengths > 0
    gaps = (starts - before)[filled]
    if not total or (gaps == gaps[0]).all():
        return lengths, array.values.slice(int(gaps[0]) if total else 0, total), null
    # labels under nulls, and views that overlap or are out of order. Not by flatten (26.0.1), which fails on such views
    # ("Negative buffer slice") and on null lists of float16 dictionaries ("MakeBuilder: cannot construct builder")
    places = np.repeat(starts - before, lengths) + np.arange(total)
    values = array.values
    if pa.types.is_run_end_encoded(values.type):
        values, times = runs(values)
        places = np.repeat(np.arange(len(values)), times)[places]
    return lengths, solid(values).take(pa.array(places)), null


def _extents(array: pa.Array) -> tuple[Ints, Ints]:
    """Where each row's list begins in the values, and its length, null rows included."""
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        return (array.offset + np.arange(len(array))) * kind.list_size, np.full(len(array), kind.list_size)
    offsets = np.asarray(array.offsets).astype(np.int64)
    if _is_gapless(kind):
        return offsets[:-1], np.diff(offsets)
    return offsets, np.asarray(array.sizes).astype(np.int64)


def _is_gapless(kind: pa.DataType) -> bool:
    """Whether in an array of this type each row's list begins where the one before it ends."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def is_set(kind: pa.DataType) -> bool:
    """Whether a column of this type holds a set of labels, or a list of indicators, a row."""
    return _is_gapless(kind) or bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))
