"""Indicators: truth or prediction as one bit a row and label, from boolean or 0/1 columns or fixed-size lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamavg.count.texts import is_text, label_texts, solid, validated
from streamavg.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamavg.count.selection import Chosen

    Bits = np.ndarray[Any, np.dtype[np.uint64]]
    Sizes = np.ndarray[Any, np.dtype[np.int32]]

RUN = 128  # words of 64 rows whose sizes are added up at once: 3 x 7 digits of them for 100 labels stay in the cache


@dataclass(frozen=True)
class Indicators:
    """words: uint64 (labels, ceil(rows / 64)); valid: the rows without a null cell; bits behind the last row are 0.

    What the words hold in a row that is not valid means nothing.
    """

    words: Bits
    valid: Bits
    rows: int

    def mask(self) -> Any:
        """Which rows are valid, bool (rows,)."""
        return np.unpackbits(self.valid.view(np.uint8), bitorder="little")[: self.rows].astype(bool)

    def sets(self) -> tuple[Any, Any]:
        """The same as label sets: how many labels each row has (0 if not valid), and their numbers row after row."""
        words = self.words & self.valid
        bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")[:, : self.rows]
        rows, labels = np.nonzero(bits.T)
        return np.bincount(rows, minlength=self.rows), labels


def is_indicator(kind: pa.DataType) -> bool:
    """Whether a column of this type is a row of indicators: a fixed-size list of booleans or integers."""
    if not pa.types.is_fixed_size_list(kind):
        return False
    return bool(pa.types.is_boolean(kind.value_type) or pa.types.is_integer(kind.value_type))


def indicator_widths(sides: Sequence[Chosen], data: Any) -> list[int]:
    """The number of indicators a row, of each side of (truth, prediction) that has them."""
    widths = []
    for side in sides:
        kind = data[side.columns[0]].type
        if side.is_several:
            widths.append(len(side.columns))
        elif is_indicator(kind):
            widths.append(kind.list_size)
    return widths


def from_columns(arrays: Sequence[pa.Array], names: Sequence[str]) -> Indicators:
    """Indicators of several boolean or 0/1 columns of equal length; InputError for another value or type."""
    rows = len(arrays[0])
    # memory from the pool of Arrow, which keeps it: faults on fresh pages would take as long as the count
    room = pa.allocate_buffer(len(arrays) * -(-rows // 64) * 8)
    words = np.frombuffer(room, np.uint64).reshape(len(arrays), -1)
    valid = _full(rows)
    for row, (array, name) in enumerate(zip(arrays, names, strict=True)):
        validated(array, name, full=False)
        bits = _boolean(_numbered(array, name), name)
        if bits.null_count:
            _copy_bits(bits.buffers()[0], bits.offset, rows, words[row])
            valid &= words[row]
        _copy_bits(bits.buffers()[1], bits.offset, rows, words[row])
    words[:, -1:] &= _full(rows)[-1:]
    return Indicators(words, valid, rows)


def from_list(array: pa.Array, name: str) -> Indicators:
    """Indicators of a fixed-size list column of booleans or 0/1 integers; a null list or cell makes the row null."""
    validated(array, name, full=True)
    rows, size = len(array), array.type.list_size
    flat = array.values.slice(array.offset * size, rows * size)
    cell_valid = np.ones((rows, size), bool)
    if flat.null_count:
        cell_valid = np.asarray(flat.is_valid()).reshape(rows, size)
    row_valid = cell_valid.all(axis=1) & np.asarray(array.is_valid())
    if not row_valid.all():  # what lies under a null list is not looked at
        flat = pc.if_else(pa.array(np.repeat(row_valid, size)), flat, pa.scalar(0, pa.uint8()).cast(flat.type))
    cells = np.asarray(_boolean(flat, name)).reshape(rows, size)
    padded = np.zeros((-(-rows // 64) * 64, size), np.uint8)
    padded[:rows] = cells
    words = np.ascontiguousarray(np.packbits(padded, axis=0, bitorder="little").T).view(np.uint64)
    mask = np.zeros(len(padded), np.uint8)
    mask[:rows] = row_valid
    return Indicators(words, np.packbits(mask, bitorder="little").view(np.uint64), rows)


def _numbered(array: pa.Array, name: str) -> pa.Array:
    """A column of text as integers, so that the "0" and "1" of a CSV file are indicators; others as they are."""
    kind = array.type
    if not is_text(kind.value_type if pa.types.is_dictionary(kind) else kind):
        return array
    validated(array, name, full=True)
    given = array if pa.types.is_dictionary(kind) else solid(array).dictionary_encode()
    texts, _ = label_texts(solid(given.dictionary), name)
    null, codes = np.asarray(given.indices.is_null()), np.asarray(given.indices.fill_null(0))
    for code in np.unique(codes[~null]).tolist():
        if texts[code] not in ("0", "1", None):
            raise InputError(
                f"column {name!r} holds {texts[code]!r}; indicators are 0 or 1; for label sets give a column of lists"
            )
    null |= np.array([text is None for text in texts or [None]])[np.where(null, 0, codes)]
    bits = np.array([text == "1" for text in texts or [None]])[np.where(null, 0, codes)]
    return pa.array(bits, mask=null)


def _boolean(array: pa.Array, name: str) -> pa.Array:
    """The array of the column as booleans; InputError for a value other than 0 and 1."""
    kind, where = array.type, f"column {name!r}"
    if pa.types.is_boolean(kind):
        return array
    if pa.types.is_null(kind):
        return array.cast(pa.bool_())
    if pa.types.is_dictionary(kind) or not pa.types.is_integer(kind):
        raise InputError(f"{where} has type {kind}; indicators are booleans or the integers 0 and 1")
    lowest, highest = pc.min_max(array).as_py().values()
    if lowest is not None and (lowest < 0 or highest > 1):
        value = lowest if lowest < 0 else highest
        raise InputError(f"{where} holds {value}; indicators are 0 or 1; for label ids cast the column to list")
    return array.cast(pa.bool_())


def _full(rows: int) -> Bits:
    """A bit for every row."""
    words = np.full(-(-rows // 64), np.uint64(2**64 - 1))
    if rows % 64:
        words[-1] = np.uint64((1 << (rows % 64)) - 1)
    return words


def _copy_bits(buffer: pa.Buffer, offset: int, rows: int, words: Bits) -> None:
    """Put the bits of a bitmap from `offset` on into words of 64 rows; those behind the last row are anything."""
    first, shift = offset // 8, offset % 8
    size = (rows + 7) // 8
    raw, target = np.frombuffer(buffer, np.uint8)[first : (offset + rows + 7) // 8], words.view(np.uint8)
    if not shift:
        target[:size] = raw[:size]
        return
    np.right_shift(raw[:size], shift, out=target[:size])
    target[: len(raw) - 1] |= raw[1:] << (8 - shift)


def row_sizes(y_true: Bits, y_pred: Bits) -> Sizes:
    """|Y and P|, |P|, |Y| of each row of indicator words; the words of many labels are read in runs of rows."""
    from streamavg.count.kernels import add_bits, spread_bits

    labels, words = y_true.shape
    sizes = np.empty((3, 64 * words), np.int32)
    for start in range(0, words, RUN):
        stop = min(start + RUN, words)
        planes = np.zeros((3, labels.bit_length(), stop - start), np.uint64)
        add_bits(y_true[:, start:stop], y_pred[:, start:stop], planes, np.empty(stop - start, np.uint64))
        for digits, size in zip(planes, sizes, strict=True):
            spread_bits(digits, size[64 * start : 64 * stop])
    return sizes
