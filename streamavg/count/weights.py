"""Weights: a column of sample weights as float64 numbers that are exactly what the column holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.count.texts import raw_codes, runs, solid, validated
from streamavg.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_PLAIN = {pa.float16(): np.float16, pa.float32(): np.float32, pa.float64(): np.float64}
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LOST = np.uint64(0x7FF)  # the bits of a 64-bit integer that a float64 may not hold


@dataclass(frozen=True)
class RowWeights:
    """The weight of each row is values + rest; rest is None unless integers beyond 2**53 need it."""

    values: Floats
    rest: Floats | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def terms(self) -> tuple[Floats, ...]:
        """The numbers to add up."""
        return (self.values,) if self.rest is None else (self.values, self.rest)

    def at(self, rows: Any) -> RowWeights:
        """The weights of these rows: places, a mask or a slice."""
        return RowWeights(self.values[rows], None if self.rest is None else self.rest[rows])


def weights_of(array: pa.Array, name: str, first_row: int = 0) -> RowWeights:
    """The weights in a column of integers, floats, decimal text, or dictionaries or runs of them, exactly; 0 is one.

    InputError, naming the column, the row (counted from `first_row`) and the value, for one that is null, negative or
    not finite, and for a column of another type.
    """
    weights, null = _numbers(validated(array, name, full=not _is_plain(array.type)), name)
    values = weights.values
    if null is None and (not len(values) or (values.min() >= 0 and values.max() < np.inf)):
        return weights
    wrong = ~((values >= 0) & (values < np.inf))
    if null is not None:
        wrong |= null
    if wrong.any():
        row = int(np.argmax(wrong))
        value = "null" if null is not None and null[row] else array[row].as_py()
        raise InputError(
            f"column {name!r}: weight {value} at row {first_row + row}; weights are finite numbers of 0 or more",
            row=first_row + row,
        )
    return weights


def _is_plain(kind: pa.DataType) -> bool:
    return kind in _PLAIN or bool(pa.types.is_integer(kind))


def _is_numeric(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _is_numeric(kind.value_type)
    return _is_plain(kind) or _is_text(kind) or bool(pa.types.is_null(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _numbers(array: pa.Array, name: str) -> tuple[RowWeights, Mask | None]:
    """The numbers of a column, whatever lies under nulls included, and which rows are null (None: none)."""
    kind = array.type
    if not _is_numeric(kind):
        raise InputError(f"column {name!r} has type {kind}; weights are numbers (cast the column first)")
    if not len(array):  # whose buffers may be shorter than its offset
        return RowWeights(np.zeros(0)), None
    null = np.asarray(array.is_null()) if array.null_count else None
    if pa.types.is_integer(kind):
        return _integers(raw_codes(array), bool(pa.types.is_signed_integer(kind))), null
    if kind in _PLAIN:
        held = np.frombuffer(array.buffers()[1], _PLAIN[kind], array.offset + len(array))[array.offset :]
        return RowWeights(held.astype(np.float64, copy=False)), null
    if pa.types.is_dictionary(kind):
        entries, holes = _numbers(array.dictionary, name)
        if null is not None and not len(entries):
            return RowWeights(np.zeros(len(array))), null
        codes = raw_codes(array.indices)
        codes = codes if null is None else np.where(null, 0, codes)
        found = entries.at(codes)
        if holes is not None:
            null = holes[codes] if null is None else null | holes[codes]
        return found, null
    if pa.types.is_run_end_encoded(kind):
        entries_of_runs, lengths = runs(array)
        entries, holes = _numbers(entries_of_runs, name)
        places = np.repeat(np.arange(len(lengths)), lengths)
        return entries.at(places), None if holes is None else holes[places]
    if _is_text(kind):
        return _parsed(solid(array)), null
    return RowWeights(np.zeros(len(array))), np.ones(len(array), bool)  # of type null


def _parsed(texts: pa.Array) -> RowWeights:
    """Decimal numbers as text, as CSV and JSON lines have them, to the nearest float64; integers of 64 bits exactly.

    What is no number is nan, which is refused.
    """
    try:
        values = np.asarray(texts.cast(pa.float64()).fill_null(0.0))
        if not len(values) or values.max() < 2**53:  # nan is not
            return RowWeights(values)
    except pa.ArrowInvalid:
        pass
    numbers, rest = np.zeros(len(texts)), np.zeros(len(texts))
    for row, text in enumerate(texts.to_pylist()):
        if text is not None and _DECIMAL.fullmatch(text) is None:
            numbers[row] = np.nan
        elif text is not None and text.isdigit() and int(text) < 2**64:
            rest[row] = int(text) & int(_LOST)
            numbers[row] = int(text) - (int(text) & int(_LOST))
        elif text is not None:
            numbers[row] = float(text)
    return RowWeights(numbers, rest)


def _integers(raw: Any, signed: bool) -> RowWeights:
    """Integers as float64, those that it may not hold as a sum of two; `raw` is their unsigned form."""
    if signed:
        raw = raw.view(raw.dtype.str.replace("u", "i"))
    if raw.dtype.itemsize < 8 or not len(raw) or raw.max() <= 2**53:
        return RowWeights(raw.astype(np.float64))
    if signed and raw.min() < 0:
        return RowWeights(raw.astype(np.float64))  # which is refused
    low = raw & raw.dtype.type(_LOST)
    return RowWeights((raw - low).astype(np.float64), low.astype(np.float64))
