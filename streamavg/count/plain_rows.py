"""Plain rows: a truth of 0 or 1 and a score that decides, whose labels are counted in four sums without columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from streamavg.count.predictions import least_score
from streamavg.count.row_terms import wrong_scores
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
    """truth: int8 (rows,), 0 where the positive label is true; pairs: rows by (truth, prediction), see PAIRS."""

    truth: Any
    pairs: Ints


PAIRS = (["0", "0", "1", "1"], ["0", "1", "0", "1"])  # the labels of the four numbers of `pairs`


def plain_rows(true: pa.Array, block: ScoreBlock, family: Family, asked: Asked) -> PlainRows | None:
    """What the rows count; None unless all have a truth of 0 or 1 and a score of 32 or 64 bits that is in the family.

    20 million float32 scores, one thread: 1.0 ns a row, where columns of codes and of predictions take 3.9.
    """
    if {asked.positive, asked.negative} != {"0", "1"} or block.values.dtype.kind != "f":
        return None
    if block.values.itemsize < 4 or block.missing.any():
        return None
    ones = _ones(true, asked.column)
    if ones is None or wrong_scores(block, family).any():
        return None
    from streamavg.count.kernels import count_decided

    bound = block.values.dtype.type(least_score(asked.threshold, block.values.dtype))
    sums = np.zeros(3, np.int64)
    count_decided(block.values.reshape(-1), sealed(ones), bound, sums)
    return PlainRows((ones ^ (asked.positive == "1")).view(np.int8), _pairs(len(ones), sums.tolist(), asked.positive))


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
