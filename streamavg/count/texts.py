"""Texts: from Arrow values to the raw codes and texts of labels, with what cannot be one refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from streamavg.errors import InputError
from streamavg.state.labels import MOST, label_text

if TYPE_CHECKING:
    Array = np.ndarray[Any, np.dtype[Any]]


def validated(array: pa.Array, name: str, full: bool) -> pa.Array:
    """The array itself if Arrow finds it sound, else InputError; full: every offset, run and text (3.5 ns a row)."""
    try:
        array.validate(full=full)
    except pa.ArrowException as error:
        raise InputError(f"column {name!r} is a damaged Arrow array: {' '.join(str(error).split())}") from None
    return array


def raw_codes(array: pa.Array) -> Array:
    """The values of an integer array as unsigned numbers without a copy, whatever lies under nulls included."""
    # not Array.to_numpy, which loads pandas where it is installed: 0.4 s
    kind, end = np.dtype(f"u{array.type.bit_width // 8}"), array.offset + len(array)
    return np.frombuffer(array.buffers()[1], kind, end)[array.offset :]


def flags(array: pa.Array) -> Array:
    """The values of a boolean array as uint8, anything under its nulls; in a third of the time of Arrow's cast."""
    if not len(array):  # which may be without a buffer
        return np.zeros(0, np.uint8)
    first, end = array.offset, array.offset + len(array)
    bits = np.frombuffer(array.buffers()[1], np.uint8, (end + 7) // 8)
    return np.unpackbits(bits[first >> 3 :], bitorder="little", count=(first & 7) + len(array))[first & 7 :]


def same_dictionary(held: pa.Array, given: pa.Array) -> bool:
    """Whether two dictionaries are equal; at once if they share their memory, which `held` keeps from being reused."""
    if len(held) != len(given) or held.type != given.type:
        return False
    here, there = ([b and (b.address, b.size) for b in array.buffers()] for array in (held, given))
    return (held.offset == given.offset and here == there) or bool(held.equals(given))


def runs(array: pa.Array) -> tuple[pa.Array, Array]:
    """The values of a run-end encoded array and how often each stands; Arrow decodes neither views nor dictionaries."""
    first, count = array.find_physical_offset(), array.find_physical_length()
    ends = np.asarray(array.run_ends)[first : first + count].astype(np.int64) - array.offset
    lengths = np.diff(np.minimum(ends, len(array)), prepend=0)
    return array.values.slice(first, count), lengths


def is_blank(array: pa.Array, name: str) -> bool:
    """Whether no row has a label: null and NaN everywhere, also in the entries that a dictionary's rows use."""
    if pa.types.is_run_end_encoded(array.type):
        return is_blank(runs(validated(array, name, full=True))[0], name)
    if pa.types.is_null(array.type) or array.null_count == len(array):
        return True
    if pa.types.is_floating(array.type):
        return bool(np.isnan(array.to_numpy(zero_copy_only=False)).all())
    if not pa.types.is_dictionary(array.type):
        return False
    entries, wrong = label_texts(validated(array.dictionary, name, full=True), name)
    holes = {code for code, text in enumerate(entries) if text is None and code not in wrong}
    return bool(holes) and holes.issuperset(array.indices.drop_null().unique().to_pylist())


def solid(array: pa.Array) -> pa.Array:
    """The same array without view types, for which Arrow has no take and no dictionary encoding of binary."""
    if pa.types.is_string_view(array.type):
        return array.cast(pa.large_string())
    return array.cast(pa.large_binary()) if pa.types.is_binary_view(array.type) else array


def label_texts(values: pa.Array, name: str) -> tuple[list[str | None], dict[int, str]]:
    """The labels of distinct values, None for null and NaN; and for each entry that is no label, why."""
    wrong: dict[int, str] = {}
    try:
        given = values.to_pylist()
    except UnicodeDecodeError:
        given = values.cast(pa.large_binary()).to_pylist()
    if all(type(value) is str for value in given):
        return given, wrong
    texts: list[str | None] = []
    for place, value in enumerate(given):
        text = None
        if value is not None and value == value:
            try:
                text = label_text(value)
            except InputError as error:
                wrong[place] = f"column {name!r}: {error}"
        texts.append(text)
    return texts, wrong


def whole_floats(array: pa.Array, name: str, first_row: int) -> pa.Array:
    """A float column of whole numbers as int64, NaN as null; InputError names the first fraction or infinity."""
    array = array.cast(pa.float64())
    values = array.to_numpy(zero_copy_only=False)  # null becomes nan
    null = np.isnan(values)
    filled = np.where(null, 0.0, values)
    # 2.0**63 is the first float64 outside int64
    wrong = (filled != np.floor(filled)) | (filled < -(2.0**63)) | (filled >= 2.0**63)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"column {name!r}: {values[row]} at row {first_row + row} is no label: expected whole numbers in int64; "
            "for scores threshold them first, for names cast the column to string",
            row=first_row + row,
        )
    return pa.array(filled.astype(np.int64), mask=null)


def refuse_above_int64(array: pa.Array, name: str, first_row: int) -> None:
    """InputError if a uint64 column holds a value of 2**63 or more outside nulls."""
    if pa.types.is_uint64(array.type):
        import pyarrow.compute as pc

        above = pc.index(pc.greater(array, pa.scalar(MOST, pa.uint64())), True).as_py()
        if above >= 0:
            raise InputError(
                f"column {name!r}: {array[above].as_py()} at row {first_row + above} is outside int64; "
                "cast the column to string",
                row=first_row + above,
            )


def is_text(kind: pa.DataType) -> bool:
    types = pa.types
    plain = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return bool(plain or types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))
