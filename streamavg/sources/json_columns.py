"""Columns of JSON lines: the Arrow types that values suggest, and arrays made of labels and of lists of labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TYPES = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
_EXACT = 2**53  # beyond it float64 skips integers


def type_of(values: Iterable[Any]) -> pa.DataType | None:
    """The one type that suits all values but None: null if there are only those, None if no type does.

    >>> type_of([1, None, 2]), type_of([[], ["a"]]), type_of([1, "a"]), type_of([None])
    (DataType(int64), ListType(list<item: string>), None, DataType(null))
    """
    values = [value for value in values if value is not None]
    kinds = {type(value) for value in values}
    if kinds == {list}:
        item = type_of(element for value in values for element in value)
        return pa.list_(item if item in (pa.int64(), pa.bool_()) else pa.string())
    if kinds == {int, float}:
        return pa.float64()
    if len(kinds) > 1:
        return None
    return _TYPES.get(kinds.pop(), pa.struct([])) if kinds else pa.null()


def label_array(labels: Sequence[str | None]) -> pa.StringArray:
    """Labels as an array. From buffers, because pa.array imports pandas: 0.4 s where it is installed."""
    texts = [b"" if label is None else label.encode() for label in labels]
    return pa.StringArray.from_buffers(
        len(texts), _offsets(map(len, texts), len(texts)), pa.py_buffer(b"".join(texts)), _validity(labels)
    )


def list_array(lists: Sequence[Sequence[str | None] | None]) -> pa.ListArray:
    """Lists of labels as an array."""
    elements = label_array([label for labels in lists for label in labels or ()])
    offsets = _offsets((len(labels or ()) for labels in lists), len(lists))
    return pa.Array.from_buffers(pa.list_(pa.string()), len(lists), [_validity(lists), offsets], children=[elements])


def number_array(values: Sequence[float | None]) -> pa.DoubleArray:
    """Numbers as an array."""
    data = np.array([0.0 if value is None else value for value in values], np.float64)
    return pa.Array.from_buffers(pa.float64(), len(values), [_validity(values), pa.py_buffer(data)])


def number_lists(lists: Sequence[Sequence[float | None] | None]) -> pa.ListArray:
    """Lists of numbers as an array."""
    elements = number_array([value for numbers in lists for value in numbers or ()])
    offsets = _offsets((len(numbers or ()) for numbers in lists), len(lists))
    return pa.Array.from_buffers(pa.list_(pa.float64()), len(lists), [_validity(lists), offsets], children=[elements])


def bool_array(values: Sequence[bool | None]) -> pa.BooleanArray:
    """Truth values as an array."""
    bits = pa.py_buffer(np.packbits(np.array(values, bool), bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [_validity(values), bits])


def whole_numbers(array: pa.DoubleArray) -> pa.Int64Array | None:
    """Floats as int64 if all are integers below 2**53, where every way to read them gives the same text; else None."""
    try:
        integers = array.cast(pa.int64())
    except pa.ArrowInvalid:
        return None
    values = np.frombuffer(integers.buffers()[1] or b"", np.int64)
    return integers if ((values < _EXACT) & (values > -_EXACT)).all() else None


def _offsets(lengths: Iterable[int], count: int) -> pa.Buffer:
    ends = np.cumsum(np.fromiter(lengths, np.int64, count))
    return pa.py_buffer(np.concatenate([[0], ends]).astype(np.int32))


def _validity(values: Sequence[Any]) -> pa.Buffer | None:
    if None not in values:
        return None
    return pa.py_buffer(np.packbits(np.array([value is not None for value in values], bool), bitorder="little"))
