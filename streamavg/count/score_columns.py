"""Score columns: from Arrow arrays of scores to one matrix, a row of scores a row, and the rows that have none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamavg.count.lists import is_set, unnested
from streamavg.count.texts import is_text, raw_codes, runs, validated
from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    Array = np.ndarray[Any, np.dtype[Any]]
    Mask = np.ndarray[Any, np.dtype[np.bool_]]

NAMES = {"halffloat": "float16", "float": "float32", "double": "float64", "uint8": "uint8", "int8": "int8"}
CELLS = 1 << 18  # scores of several columns that are put side by side at once, in the second-level cache


@dataclass(frozen=True, eq=False)
class ScoreBlock:
    """Scores of some rows; what stands in a row that is missing means nothing.

    values: (rows, C) contiguous and read-only, C = 1 for a scalar column, in the dtype that was received; missing: the
    rows with a null list or a null score, one False for all where there is none; kind: the name of the dtype, "null"
    for columns without a type.
    """

    values: Array
    missing: Mask
    kind: str

    @property
    def bits(self) -> Array:
        """The values as the integers that the ranking kernels compare; the order of int8 is that of uint8 after ^."""
        if self.kind == "int8":
            return sealed(self.values.view(np.uint8) ^ 0x80)
        return self.values if self.kind == "uint8" else self.values.view(f"i{self.values.itemsize}")

    @property
    def is_whole(self) -> bool:
        """Whether no row is missing."""
        return not (self.missing[:1] if self.missing.strides == (0,) else self.missing).any()

    def only(self, rows: Mask) -> ScoreBlock:
        """The marked rows; the block itself if all are."""
        if rows.all():
            return self
        return ScoreBlock(sealed(self.values[rows]), self.missing[rows], self.kind)


def score_block(
    arrays: Sequence[pa.Array], names: Sequence[str], width: int | None = None, first_row: int = 0
) -> ScoreBlock:
    """The scores of one column, scalar or of lists, or of several scalar columns, a class each.

    width: how many scores a row has, if that is known; else the first row that has any tells. A column without such a
    row has no columns then. first_row: the number of the first row, for messages. Raises InputError for what are no
    scores: another type, a list of another length (naming the row), a damaged array.
    """
    if width is not None and len(arrays) > 1 and width != len(arrays):
        raise InputError(f"there are {len(arrays)} columns of scores but {width} classes")
    if len(arrays) > 1:
        return _side_by_side(arrays, names)
    array, name = arrays[0], names[0]
    if is_set(array.type):
        return _of_lists(array, name, width, first_row)
    values, null = _scores(array, name)
    if width is not None and width > 1:
        if not pa.types.is_null(array.type):
            raise InputError(f"column {name!r} has one score a row ({array.type}) but there are {width} classes")
        return ScoreBlock(sealed(np.zeros((len(array), width), np.float32)), np.ones(len(array), bool), "null")
    return ScoreBlock(sealed(values.reshape(-1, 1)), _mask(null, len(array)), _kind(array.type))


def _of_lists(array: pa.Array, name: str, width: int | None, first_row: int) -> ScoreBlock:
    is_fixed = pa.types.is_fixed_size_list(array.type)
    validated(array, name, full=not is_fixed)
    kind = _kind(_refuse_other(array.type.value_type, name, array.type))
    if is_fixed:
        size, rows = array.type.list_size, len(array)
        if not size or size != (width or size):
            raise InputError(f"column {name!r} has {size} scores a row, expected {width or 'at least one'}")
        values, null = _scores(array.values.slice(array.offset * size, rows * size), name)
        missing = _mask(_nulls(array), rows)
        if null is not None:
            missing = missing | _rows_with(null.reshape(rows, size))
        return ScoreBlock(sealed(values.reshape(rows, size)), missing, kind)
    lengths, flat, missing = unnested(array)
    if int(lengths.sum()) != len(flat):
        raise InputError(f"column {name!r} is a damaged Arrow array: its lists do not cover its values")
    size = _common_length(lengths, missing, width, name, first_row)
    values, null = _scores(flat, name)
    rows = len(missing) - int(missing.sum())
    hole = None if null is None else _rows_with(null.reshape(rows, size))
    return ScoreBlock(*_spread(values.reshape(rows, size), hole, missing), kind)


def _common_length(lengths: Array, missing: Mask, width: int | None, name: str, first_row: int) -> int:
    """The length of every list that is not null; InputError names the first row of another length."""
    there = np.flatnonzero(~missing)
    size = width if width is not None else int(lengths[there[0]]) if len(there) else 0
    wrong = there[lengths[there] != size]
    if len(wrong):
        raise InputError(
            f"column {name!r} has {lengths[wrong[0]]} scores at row {first_row + wrong[0]}, expected {size}; "
            "give each row a score for each class, or null",
            row=first_row + int(wrong[0]),
        )
    if len(there) and not size:
        raise InputError(
            f"column {name!r} has an empty list at row {first_row + there[0]}; give null for no scores",
            row=first_row + int(there[0]),
        )
    return size


def _spread(values: Array, null: Mask | None, missing: Mask) -> tuple[Array, Mask]:
    """The rows that are there at their places among those that are missing, and all rows that have none."""
    if missing.any():
        spread = np.zeros((len(missing), values.shape[1]), values.dtype)
        spread[~missing] = values
        values = spread
    if null is not None:
        holes = np.zeros(len(missing), bool)
        holes[~missing] = null
        missing = missing | holes
    return sealed(values), missing


def _side_by_side(arrays: Sequence[pa.Array], names: Sequence[str]) -> ScoreBlock:
    """Columns as one matrix of their widest dtype, a few rows of all columns at a time."""
    read = [_scores(array, name) for array, name in zip(arrays, names, strict=True)]
    kinds = {_kind(array.type): name for array, name in zip(arrays, names, strict=True)}
    typed = [kind for kind in kinds if kind != "null"]
    if len(typed) > 1 and not all(kind.startswith("float") for kind in typed):
        listed = " and ".join(f"{kinds[kind]!r} is {kind}" for kind in typed[:2])
        raise InputError(f"columns of scores differ: {listed}; cast them to one type")
    wide = np.result_type(*typed) if typed else np.dtype(np.float32)
    rows, step = len(arrays[0]), max(1, CELLS // len(arrays))
    values, missing = np.empty((rows, len(arrays)), wide), np.zeros(rows, bool)
    for start in range(0, rows, step):
        for place, (column, _) in enumerate(read):
            values[start : start + step, place] = column[start : start + step]
    for _, null in read:
        if null is not None:
            missing |= null
    return ScoreBlock(sealed(values), missing, wide.name if typed else "null")


def _scores(array: pa.Array, name: str) -> tuple[Array, Mask | None]:
    """The numbers of a scalar array, anything under its nulls; and which are null, None if no one is."""
    kind = array.type
    _refuse_other(kind, name, kind)
    if pa.types.is_run_end_encoded(kind):
        held, lengths = runs(validated(array, name, full=True))
        values, null = _scores(held, name)
        return np.repeat(values, lengths), None if null is None else np.repeat(null, lengths)
    if pa.types.is_dictionary(kind):
        return _looked_up(validated(array, name, full=True), name)
    if pa.types.is_null(kind):
        return np.zeros(len(array), np.float32), np.ones(len(array), bool)
    validated(array, name, full=False)
    if not len(array):  # which may be without a buffer
        return np.zeros(0, _kind(kind)), None
    if str(kind) not in NAMES:
        return _converted(array, name), _nulls(array)
    return raw_codes(array).view(_kind(kind)), _nulls(array)


def _converted(array: pa.Array, name: str) -> Array:
    """Text, as CSV has it, and integers, as JSON has 0 and 1, as float64; InputError for what is no number."""
    try:
        found = pc.cast(array.fill_null("0" if is_text(array.type) else 0), pa.float64())
    except pa.ArrowInvalid as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"column {name!r} holds what is no score: {reason}; scores are numbers") from None
    return np.asarray(found)


def _looked_up(array: pa.DictionaryArray, name: str) -> tuple[Array, Mask | None]:
    """The numbers behind the codes of a dictionary, whose codes and entries may both be null."""
    values, null = _scores(array.dictionary, name)
    hidden = _nulls(array.indices)
    if not len(values):  # then every code is null
        return np.zeros(len(array), values.dtype), hidden
    codes = raw_codes(array.indices) if len(array) else np.zeros(0, np.uint8)
    if hidden is not None:
        codes = np.where(hidden, 0, codes)
    if null is None:
        return values[codes], hidden
    return values[codes], null[codes] if hidden is None else hidden | null[codes]


def _refuse_other(kind: pa.DataType, name: str, whole: pa.DataType) -> pa.DataType:
    """The type itself if it holds scores, else InputError with the way out."""
    plain = _plain(kind)
    if pa.types.is_null(plain) or str(plain) in NAMES or pa.types.is_integer(plain) or is_text(plain):
        return kind
    where = f"column {name!r} has type {whole}; scores are floats, or uint8 or int8 from a quantised model"
    if pa.types.is_boolean(plain):
        raise InputError(f"{where}; if it holds predicted labels, name it as y_pred (--y-pred), else cast it to float")
    if pa.types.is_decimal(plain):
        raise InputError(f"{where}; cast it to double")
    raise InputError(f"{where}; cast it, or name another column as y_score (--y-score)")


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values in any encoding."""
    while pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        kind = kind.value_type
    return kind


def _kind(kind: pa.DataType) -> str:
    """The numpy name of the type in which scores are handed on."""
    plain = _plain(kind)
    return "null" if pa.types.is_null(plain) else NAMES.get(str(plain), "float64")


def _nulls(array: pa.Array) -> Mask | None:
    """Which values are null, from the bitmap; None if no one is."""
    if not array.null_count:
        return None
    bits = np.frombuffer(array.buffers()[0], np.uint8)
    first, end = array.offset, array.offset + len(array)
    valid = np.unpackbits(bits[first >> 3 : (end + 7) >> 3], bitorder="little")[first & 7 :][: len(array)]
    null: Mask = valid == 0
    return null


def _rows_with(null: Mask) -> Mask:
    """The rows with a null among their scores."""
    found: Mask = np.logical_or.reduce(null, axis=1)
    return found


def _mask(null: Mask | None, rows: int) -> Mask:
    # not np.zeros, whose fresh pages are asked for once a batch: with a look at all of them .4 ns a row
    return np.broadcast_to(np.False_, rows) if null is None else null


def sealed(values: Array) -> Array:
    """A view that is contiguous, aligned and read-only, so that a kernel is compiled once for each dtype."""
    values = np.require(values, requirements=["C", "A"])[...]
    values.flags.writeable = False
    return values
