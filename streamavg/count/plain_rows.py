"""Plain rows: a truth of 0 or 1 and a score that decides, whose labels are counted in four sums without columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from streamavg.count.predictions import least_score
from streamavg.count.score_columns import sealed
from streamavg.count.texts import flags, raw_codes, validated

if TYPE_CHECKING:
    from streamavg.count.row_terms import Family
    from streamavg.count.score_columns import ScoreBlock
    from streamavg.state.tables import Ints

    Bytes = np.ndarray[Any, np.dtype[np.uint8]]


class Asked(NamedTuple):
    """The column of truth, the positive and the negative label, and the score from which on a row is positive."""

    column: str
    positive: str
    negative: str
    threshold: float


class PlainRows(NamedTuple):
    """hits: uint8 (rows,), 1 where the positive label is true; pairs: rows by (truth, prediction), see PAIRS."""

    hits: Bytes
    pairs: Ints


PAIRS = (["0", "0", "1", "1"], ["0", "1", "0", "1"])  # the labels of the four numbers of `pairs`


def plain_rows(true: pa.Array, block: ScoreBlock, family: Family, asked: Asked) -> PlainRows | None:
    """What the rows count; None unless all have a truth of 0 or 1 and a score of 32 or 64 bits that is in the family.

    Rows are read once: 50 million float32 scores, one thread, .5 ns a row; columns of codes and predictions take 3.9.
    """
    values = block.values.reshape(-1)
    if {asked.positive, asked.negative} != {"0", "1"} or values.dtype.kind != "f" or values.itemsize < 4:
        return None
    ones = _ones(true, asked.column)
    if ones is None or not block.is_whole:
        return None
    from streamavg.count.kernels import count_decided

    low, most = (0, 1) if family == "unit" else (np.finfo(values.dtype).min, np.finfo(values.dtype).max)
    ends, sums = np.array([low, most, least_score(asked.threshold, values.dtype)], values.dtype), np.zeros(4, np.int64)
    count_decided(values, sealed(ones), ends, sums)
    *decided, inside = sums.tolist()
    if inside < len(values):
        return None
    return PlainRows(ones if asked.positive == "1" else 1 - ones, _pairs(len(ones), decided, asked.positive))


def _ones(true: pa.Array, name: str) -> Bytes | None:
    """Which truths are 1, as uint8; None for another type, and where a truth is null or neither 0 nor 1."""
    if true.null_count or not len(true):
        return None
    if pa.types.is_boolean(true.type):
        return flags(validated(true, name, full=False))
    if not pa.types.is_integer(true.type):
        return None
    codes = raw_codes(validated(true, name, full=False))
    return codes.astype(np.uint8, copy=False) if codes.max() <= 1 else None


def _pairs(rows: int, sums: list[int], positive: str) -> Ints:
    """From the rows whose truth is 1, whose score is high enough, and with both, to the numbers of PAIRS."""
    ones, above, both = sums
    high_zeros, high_ones, low_ones = above - both, both, ones - both
    low_zeros = rows - above - low_ones
    each = low_zeros, high_zeros, low_ones, high_ones
    return np.array(each if positive == "1" else (each[1], each[0], each[3], each[2]), np.int64)
