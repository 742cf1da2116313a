"""Predictions: what scores predict, as the Arrow arrays that the counters of predicted labels read fastest.

A score >= threshold is positive. Both are compared as the numbers that they are, as if the score were widened to
float64: the float32 nearest to 0.1 is a little more than the float64 0.1, so it is positive at a threshold of 0.1, and
the float32 nearest to 0.7 is a little less than 0.7, so it is not.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.count.score_columns import ScoreBlock

    Array = np.ndarray[Any, np.dtype[Any]]
    Mask = np.ndarray[Any, np.dtype[np.bool_]]

    Thresholds = float | Sequence[float]


def best_places(block: ScoreBlock) -> Array:
    """The column of the greatest score of each row, the first of equal ones; unsigned, as narrow as may be."""
    from streamavg.count.kernels import highest

    rows, classes = block.values.shape
    places = np.zeros(rows, np.uint8 if classes <= 1 << 8 else np.uint16 if classes <= 1 << 16 else np.uint32)
    if classes:
        highest(block.bits, least(block), places)
    return places


def best_classes(block: ScoreBlock, labels: Sequence[str], null: Mask | None = None) -> pa.DictionaryArray:
    """The class of the greatest score of each row, the first of equal ones; null where scores are missing.

    labels: those of the columns; null: rows that get no prediction either, such as those with nan.
    """
    return _as_labels(best_places(block), labels, _without(block, null))


def positives(
    block: ScoreBlock, threshold: float, labels: tuple[str, str], null: Mask | None = None
) -> pa.DictionaryArray:
    """The second of the two labels where the one score of a row is >= threshold, else the first; null where missing."""
    bound = least_score(threshold, block.values.dtype)
    scores = block.values.reshape(-1)
    above = np.zeros(len(scores), bool) if bound is None else scores >= bound
    return _as_labels(above.view(np.uint8), labels, _without(block, null))


def decided(block: ScoreBlock, thresholds: Thresholds, null: Mask | None = None) -> list[pa.BooleanArray]:
    """A column of booleans for each label: whether its score is >= its threshold; rows without scores are null.

    The nulls stand in the first column, which makes the row's whole prediction null. InputError if the number of
    thresholds is another than that of the labels.
    """
    from streamavg.count.kernels import decide

    rows, labels = block.values.shape
    given = [thresholds] * labels if isinstance(thresholds, int | float) else list(thresholds)
    if len(given) != labels:
        raise InputError(f"there are {len(given)} thresholds but {labels} scores a row; give one for each, or one")
    room = pa.allocate_buffer(labels * -(-rows // 64) * 8)
    words = np.frombuffer(room, np.uint64).reshape(labels, -(-rows // 64))
    bounds = np.array([_bound(float(threshold), block) for threshold in given], _signed(block))
    decide(block.bits, least(block), bounds, np.empty(labels, np.uint64), words)
    missing = _without(block, null)
    holes = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    size = words.shape[1] * 8
    return [
        pa.Array.from_buffers(pa.bool_(), rows, [None if label else holes, room.slice(label * size, size)])
        for label in range(labels)
    ]


def least(block: ScoreBlock) -> Any:
    """The least number of the dtype of the block's bits, which the ranking kernels take as `low`."""
    kind = block.bits.dtype if block.kind != "int8" else np.dtype(np.uint8)
    return kind.type(np.iinfo(kind).min)


def least_score(threshold: float, kind: np.dtype[Any]) -> Any:
    """The least number of a dtype that is >= threshold; None if there is none. InputError for nan."""
    if math.isnan(threshold):
        raise InputError("a threshold is nan; give a number")
    if kind.kind != "f":
        limits = np.iinfo(kind)
        return None if threshold > limits.max else kind.type(math.ceil(max(threshold, limits.min)))
    with np.errstate(over="ignore", under="ignore"):
        near = kind.type(threshold)
        return near if float(near) >= threshold else np.nextafter(near, kind.type(np.inf))


def _bound(threshold: float, block: ScoreBlock) -> int:
    """What the ordered bits of a score are compared with."""
    score = least_score(threshold, block.values.dtype)
    if score is None:
        return 1 << 8
    if block.values.dtype.kind != "f":
        return int(score) + (128 if block.kind == "int8" else 0)
    signed = _signed(block)
    bits = int(np.array(score).view(signed))
    return bits if bits >= 0 else int(np.iinfo(signed).min) - bits


def _signed(block: ScoreBlock) -> np.dtype[Any]:
    """A signed type for bounds: that of the bits of floats, int16 for uint8."""
    return np.dtype(f"i{max(block.values.itemsize, 2)}")


def _without(block: ScoreBlock, null: Mask | None) -> Mask:
    return block.missing if null is None else block.missing | null


def _as_labels(codes: Array, labels: Sequence[str], null: Mask) -> pa.DictionaryArray:
    """Codes as labels. From buffers, because pa.array with a mask copies."""
    holes = pa.py_buffer(np.packbits(~null, bitorder="little")) if null.any() else None
    indices = pa.Array.from_buffers(pa.from_numpy_dtype(codes.dtype), len(codes), [holes, pa.py_buffer(codes)])
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(labels), pa.string()), safe=False)
